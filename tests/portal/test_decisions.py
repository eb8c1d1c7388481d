"""Deciding: what is allowed, who wins, and what is committed."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from admin_portal.review import arrivals, claims, decisions
from admin_portal.review.decisions import CaseMovedOn, DecisionInvalid, Verdict, checked, decide
from admin_portal.review.models import Case, Outbox, Status
from contracts.events import ReviewCompleted, ReviewRequested
from shared.envelope import Message, decode
from tests.portal.tickets import NOON, review_requested, ticket_received

APPROVE = Verdict(action="approve")


def waiting(request: ReviewRequested | None = None) -> Case:
    """A case that waits."""
    request = request or review_requested()
    arrivals.open_case(request, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    return Case.objects.get(pk=request.case_id)


def in_outbox() -> list[ReviewCompleted]:
    """The decisions that will be published."""
    return [
        decode(ReviewCompleted, Message(row.topic, row.key, row.headers, bytes(row.body)))
        for row in Outbox.objects.order_by("id")
    ]


class TestChecked:
    """The pure part; needs no database."""

    def check(self, **verdict: Any) -> Verdict:
        return checked(Verdict(**verdict), review_requested(), queue="domains", queues={"domains", "billing"})

    def test_an_approval_carries_the_draft(self) -> None:
        assert self.check(action="approve", text="smuggled in").text == review_requested().draft.text

    def test_an_edit_without_a_change_is_an_approval(self) -> None:
        draft = review_requested().draft.text
        assert self.check(action="edit", text=draft.replace("\n", "\r\n") + "\n").action == "approve"

    def test_an_edit_keeps_the_new_text_alone(self) -> None:
        verdict = self.check(action="edit", text=" Call [PHONE_1].\r\nBye ", reason_code="wrong", queue="billing")
        assert (verdict.text, verdict.reason_code, verdict.queue) == ("Call [PHONE_1].\nBye", "", "")

    @pytest.mark.parametrize(
        ("verdict", "says"),
        [
            ({"action": "edit", "text": "  \n"}, "empty"),
            ({"action": "edit", "text": "Write to [EMAIL_7]."}, r"\[EMAIL_7\]"),
            ({"action": "reject"}, "Choose why"),
            ({"action": "reject", "reason_code": "made up"}, "Choose why"),
            ({"action": "reject", "reason_code": "other", "note": "  "}, "note"),
            ({"action": "reassign", "queue": "domains"}, "queue"),
            ({"action": "reassign", "queue": "nobody's"}, "queue"),
        ],
    )
    def test_what_lacks_something_is_refused(self, verdict: dict[str, Any], says: str) -> None:
        with pytest.raises(DecisionInvalid, match=says):
            self.check(**verdict)

    def test_an_empty_draft_cannot_be_approved(self) -> None:
        with pytest.raises(DecisionInvalid, match="no draft"):
            checked(APPROVE, review_requested(text=""), queue="domains", queues=set())


@pytest.mark.real
class TestDecide:
    """The transaction, on PostgreSQL."""

    def test_an_approval_is_committed_with_its_event(self, alice: User) -> None:
        request = review_requested()
        case = waiting(request)
        claims.claim(alice, case.pk, NOON)

        decide(alice, case.pk, version=case.version, verdict=APPROVE, now=NOON + timedelta(seconds=40))

        case.refresh_from_db()
        assert (case.status, case.action, case.decided_by) == (Status.DECIDED, "approve", "alice")
        [event] = in_outbox()
        assert event == ReviewCompleted.after(request, at=event.occurred_at, decision=event.decision)
        assert event.decision.final_text == request.draft.text
        assert event.decision.seconds_spent == 40
        [row] = Outbox.objects.all()
        assert (row.topic, row.key) == ("review-completed", request.key)
        assert row.headers["ce_id"] == str(event.event_id)

    def test_a_decision_whose_event_cannot_be_stored_is_no_decision(self, alice: User) -> None:
        request = review_requested()
        case = waiting(request)
        taken = ReviewCompleted.after(
            request, at=NOON, decision={"action": "approve", "reviewer": "x", "decided_at": NOON}
        )
        Outbox.objects.create(event_id=taken.event_id, topic="t", key="k", headers={}, body=b"")

        with pytest.raises(IntegrityError):
            decide(alice, case.pk, version=case.version, verdict=APPROVE, now=NOON)

        case.refresh_from_db()
        assert (case.status, case.decided_by) == (Status.PENDING, "")

    def test_of_two_at_once_one_wins(self, alice: User, bob: User) -> None:
        for _ in range(5):
            case = waiting()
            start = threading.Barrier(2)
            results: list[str] = []

            def attempt(user: User, case: Case = case, start: threading.Barrier = start) -> None:
                try:
                    start.wait(10)
                    decide(user, case.pk, version=1, verdict=APPROVE, now=NOON)
                    results.append(user.username)  # noqa: B023  joined within the loop's turn
                except CaseMovedOn as error:
                    results.append(f"lost to {error.case.decided_by}")  # noqa: B023
                finally:
                    connection.close()

            threads = [threading.Thread(target=attempt, args=[user]) for user in (alice, bob)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)

            case.refresh_from_db()
            assert sorted(results) == sorted([case.decided_by, f"lost to {case.decided_by}"])
            assert [event.decision.reviewer for event in in_outbox() if event.case_id == case.pk] == [case.decided_by]

    def test_a_stale_page_cannot_decide(self, alice: User) -> None:
        request = review_requested()
        case = waiting(request)
        arrivals.open_case(request.model_copy(update={"event_id": review_requested().event_id}))

        with pytest.raises(CaseMovedOn):
            decide(alice, case.pk, version=case.version, verdict=APPROVE, now=NOON)

        assert in_outbox() == []

    def test_the_draft_of_a_superseded_turn_cannot_be_sent(self, alice: User) -> None:
        request = review_requested()
        case = waiting(request)
        arrivals.note_turn(ticket_received(request, turn=2))
        case.refresh_from_db()

        with pytest.raises(CaseMovedOn) as refused:
            decide(alice, case.pk, version=case.version, verdict=APPROVE, now=NOON)

        assert refused.value.case.status == Status.SUPERSEDED
        assert in_outbox() == []

    def test_while_another_has_it_open_it_is_theirs(self, alice: User, bob: User) -> None:
        case = waiting()
        claims.claim(bob, case.pk, NOON)

        with pytest.raises(CaseMovedOn):
            decide(alice, case.pk, version=1, verdict=APPROVE, now=NOON + timedelta(minutes=9))
        decide(alice, case.pk, version=1, verdict=APPROVE, now=NOON + timedelta(minutes=11))

        case.refresh_from_db()
        assert case.decided_by == "alice"

    def test_a_case_that_is_handed_on_stays_open_there(self, alice: User, settings_queues: None) -> None:
        case = waiting()

        decide(alice, case.pk, version=1, verdict=Verdict(action="reassign", queue="billing", note="a"), now=NOON)
        decide(alice, case.pk, version=2, verdict=Verdict(action="reassign", queue="domains", note="b"), now=NOON)
        decide(alice, case.pk, version=3, verdict=Verdict(action="reassign", queue="billing", note="c"), now=NOON)

        case.refresh_from_db()
        assert (case.status, case.queue, case.handed_on_by) == (Status.PENDING, "billing", "alice")
        events = in_outbox()
        assert [event.decision.queue for event in events] == ["billing", "domains", "billing"]
        assert len({event.event_id for event in events}) == 3

    @pytest.fixture
    def settings_queues(self, portal: str) -> None:
        """Queues are known where a case waits in them."""
        waiting(review_requested(queue="billing"))
        waiting(review_requested(queue="domains"))

    def test_the_review_is_a_trace_of_its_own_linked_to_the_case(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        monkeypatch.setattr(decisions, "tracer", provider.get_tracer("test"))
        case = waiting()

        with provider.get_tracer("test").start_as_current_span("another request"):
            decide(alice, case.pk, version=1, verdict=APPROVE, now=NOON)

        [span] = [span for span in spans.get_finished_spans() if span.name == "review"]
        assert span.parent is None
        assert [f"{link.context.trace_id:032x}" for link in span.links] == ["4bf92f3577b34da6a3ce929d0e0e4736"]
        assert span.attributes is not None
        assert span.attributes["handrail.case.id"] == str(case.pk)
        assert span.attributes["handrail.decision"] == "approve"
        [row] = Outbox.objects.all()
        assert row.headers["traceparent"].split("-")[1] == f"{span.context.trace_id:032x}"
