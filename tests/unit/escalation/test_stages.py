"""What escalation makes of drafts and of newer messages: event in, events out, over its real stages."""

from uuid import UUID, uuid4

import pytest

from contracts.events import (
    TicketReceived,
)
from shared.failures import DependencyDown
from shared.telemetry import tracer
from tests.fakes.clock import NOON
from tests.unit.escalation.service import SEALED, Escalation, case_of, of_a_specialist, unsure


class TestTheDraft:
    async def test_a_sure_answer_is_released_by_the_policy_and_recorded(self, escalation: Escalation) -> None:
        case = case_of()
        await escalation.takes(case)

        [released] = escalation.released
        [record] = escalation.recorded
        assert (released.answer.text, released.released_by) == (case.draft.text, "policy")
        assert released.answer.citations == case.draft.citations
        assert (released.source, released.external_id, released.sealed) == ("generic", "7", SEALED)
        assert released.policy_version == "test@1"
        assert (record.decided_by, record.decision.action) == ("policy", "approve")
        assert escalation.case(case).status == "released"
        assert escalation.requested == []

    async def test_a_training_record_holds_no_personal_data_sealed_or_not(self, escalation: Escalation) -> None:
        await escalation.takes(case_of())

        assert escalation.recorded[0].ticket.sealed == ""

    async def test_an_unsure_answer_waits_for_a_reviewer_until_it_is_due(self, escalation: Escalation) -> None:
        case = unsure()
        await escalation.takes(case)

        [request] = escalation.requested
        assert (request.kind, request.queue, request.priority) == ("review", "deployments", "normal")
        assert [reason.code for reason in request.reasons] == ["confidence"]
        assert (request.due_at - case.ticket.received_at).total_seconds() == 1440 * 60
        assert (escalation.case(case).status, escalation.case(case).due_at) == ("in_review", request.due_at)
        assert escalation.released == escalation.recorded == []

    async def test_a_risk_goes_to_the_specialists_of_its_queue_with_high_priority(self, escalation: Escalation) -> None:
        case = of_a_specialist()
        await escalation.takes(case)

        [request] = escalation.requested
        assert (request.kind, request.queue, request.priority) == ("specialist", "trust", "high")
        assert request.reasons[0].code == "flag_security"
        assert escalation.case(case).status == "with_specialist"

    @pytest.mark.usefixtures("spans")
    async def test_the_case_keeps_the_trace_of_its_ticket(self, escalation: Escalation) -> None:
        case = unsure()
        with tracer.start_as_current_span("upstream") as span:
            await escalation.takes(case)

        trace_id = f"{span.get_span_context().trace_id:032x}"
        assert escalation.case(case).trace_id == escalation.requested[0].trace_id == trace_id

    async def test_a_tenant_that_is_not_configured_is_a_dead_letter(self, escalation: Escalation) -> None:
        await escalation.takes(case_of().model_copy(update={"tenant": "stranger"}))

        assert [letter.error_type for letter in escalation.bus.dead_letters] == ["InvalidMessage"]
        assert escalation.book.cases == {}

    async def test_a_redelivered_draft_has_one_effect(self, escalation: Escalation) -> None:
        await escalation.takes(case_of(), unsure(turn=2))
        before = len(escalation.bus.published)
        again = await escalation.bus.redeliver(lambda message: message.topic == "answer-validated")

        assert again == 2
        assert len(escalation.bus.published) == before

    async def test_while_the_book_is_away_nothing_is_lost(self, escalation: Escalation) -> None:
        book = escalation.book
        tries = 0

        def comes_back_at_last() -> None:
            nonlocal tries
            tries += 1
            if tries <= 50:
                raise DependencyDown("the store is not reachable")

        book.check_reachable = comes_back_at_last  # type: ignore[method-assign]
        await escalation.takes(case_of())

        assert len(escalation.released) == 1
        assert escalation.bus.dead_letters == []


class TestSupersession:
    async def test_a_newer_message_withdraws_the_waiting_drafts_of_older_turns(self, escalation: Escalation) -> None:
        first, second = unsure(1), of_a_specialist(2)
        await escalation.takes(first, second)
        await escalation.is_told_of_turn(3)

        assert escalation.case(first).status == escalation.case(second).status == "superseded"

    async def test_a_draft_that_comes_after_a_newer_message_is_withdrawn_at_once(self, escalation: Escalation) -> None:
        await escalation.is_told_of_turn(2)
        late = case_of(1)
        await escalation.takes(late)

        assert escalation.case(late).status == "superseded"
        assert escalation.released == escalation.requested == escalation.recorded == []

    async def test_messages_that_arrive_in_the_wrong_order_do_not_withdraw_the_newer_draft(
        self, escalation: Escalation
    ) -> None:
        second = unsure(2)
        await escalation.takes(second)
        await escalation.is_told_of_turn(1)

        assert escalation.case(second).status == "in_review"

    async def test_what_was_released_stays_released(self, escalation: Escalation) -> None:
        first = case_of(1)
        await escalation.takes(first)
        await escalation.is_told_of_turn(2)

        assert escalation.case(first).status == "released"

    async def test_another_conversation_is_not_touched(self, escalation: Escalation) -> None:
        case = unsure(1)
        await escalation.takes(case)
        elsewhere = TicketReceived.after(case_of(2), at=NOON).model_copy(
            update={"event_id": uuid4(), "conversation_id": UUID(int=5)}
        )
        await escalation.takes(elsewhere)

        assert escalation.case(case).status == "in_review"

    async def test_a_decision_on_an_older_turn_sends_nothing(self, escalation: Escalation) -> None:
        case = unsure(1)
        await escalation.takes(case)
        await escalation.is_told_of_turn(2)
        await escalation.hears(case, "approve", case.draft.text)

        assert escalation.released == escalation.recorded == []
        assert escalation.case(case).status == "superseded"

    async def test_a_newer_draft_outdates_the_older_before_its_ticket_is_heard_of(self, escalation: Escalation) -> None:
        """Topics are read side by side: a turn's draft can be here before its ticket-received is."""
        first, second = unsure(1), case_of(2)
        await escalation.takes(first, second)
        await escalation.hears(first, "approve", first.draft.text)

        assert [released.released_by for released in escalation.released] == ["policy"]
        assert escalation.case(first).status == "superseded"

    async def test_a_decision_that_is_itself_the_news_of_a_newer_turn_counts(self, escalation: Escalation) -> None:
        """The book learns of turns from every event, so that no order of topics matters."""
        first, second = unsure(1), unsure(2)
        await escalation.takes(second, first)
        await escalation.hears(second, "approve", second.draft.text)

        assert escalation.case(first).status == "superseded"
        assert escalation.case(second).status == "released"
