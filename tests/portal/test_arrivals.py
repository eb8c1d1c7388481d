"""What messages change: cases open once, newer turns win, receipts are shown."""

from uuid import uuid4

import pytest

from admin_portal.inbox import stages
from admin_portal.review import arrivals
from admin_portal.review.models import Case, Inbox, Status
from contracts.events import AnswerDelivered, Finding, ReviewRequested
from shared.envelope import Message, encode
from shared.stage import Runner
from tests.portal.tickets import NOON, review_requested, ticket_received

pytestmark = pytest.mark.real


def test_a_redelivered_request_changes_nothing(portal: str) -> None:
    request = review_requested()
    arrivals.open_case(request)

    arrivals.open_case(request)

    [case] = Case.objects.all()
    assert (case.status, case.version, case.headline) == (Status.PENDING, 1, request.reasons[0].message)
    assert case.request == request
    assert Inbox.objects.count() == 1


def test_a_second_request_replaces_the_first_draft(portal: str) -> None:
    first = review_requested()
    arrivals.open_case(first)

    arrivals.open_case(first.model_copy(update={"event_id": uuid4(), "queue": "billing"}))

    [case] = Case.objects.all()
    assert (case.version, case.queue) == (2, "billing")


def test_a_newer_turn_supersedes_older_cases(portal: str) -> None:
    first = review_requested(external_id="81")
    arrivals.open_case(first)

    arrivals.note_turn(ticket_received(first, turn=2))

    assert Case.objects.get().status == Status.SUPERSEDED


def test_a_request_that_comes_after_a_newer_turn_is_superseded_at_once(portal: str) -> None:
    late = review_requested(external_id="81", turn=1)
    arrivals.note_turn(ticket_received(late, turn=3))

    arrivals.open_case(late)

    assert Case.objects.get().status == Status.SUPERSEDED


def test_an_older_turn_that_comes_late_supersedes_nothing(portal: str) -> None:
    current = review_requested(external_id="81", turn=2)
    arrivals.open_case(current)

    arrivals.note_turn(ticket_received(current, turn=1))

    assert Case.objects.get().status == Status.PENDING


def test_a_receipt_is_shown_at_its_case(portal: str) -> None:
    request = review_requested()
    arrivals.open_case(request)

    arrivals.note_delivery(AnswerDelivered.after(request, at=NOON, status="failed", error="HTTP 404", attempts=3))

    case = Case.objects.get()
    assert (case.delivery_status, case.delivery_error) == ("failed", "HTTP 404")


def test_characters_that_postgresql_cannot_store_do_no_harm(portal: str) -> None:
    reasons = (Finding(code="c", severity="info", message="rea\x00son"),)

    arrivals.open_case(review_requested(subject="sub\x00ject", body="bo\x00dy", reasons=reasons))

    case = Case.objects.get()
    assert (case.subject, case.headline, case.request.ticket.body) == ("subject", "reason", "body")


async def test_a_message_opens_a_case_that_knows_its_trace(portal: str) -> None:
    published: list[Message] = []

    async def publish(message: Message) -> None:
        published.append(message)

    request = review_requested()
    message = encode(request, service="escalation")
    traced = {**message.headers, "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    [stage] = [stage for stage in stages() if stage.consumes is ReviewRequested]

    await Runner(service="admin_portal", publish=publish).process(
        stage, Message(message.topic, message.key, traced, message.body)
    )

    assert published == []
    case = await Case.objects.aget()
    assert case.trace_id == case.traceparent.split("-")[1] == "4bf92f3577b34da6a3ce929d0e0e4736"
