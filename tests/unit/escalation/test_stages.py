"""What escalation makes of drafts and decisions: event in, events out, over its real stages."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.events import (
    AnswerDelivered,
    AnswerReleased,
    AnswerValidated,
    Decision,
    Draft,
    Event,
    FeedbackRecorded,
    ReviewCompleted,
    ReviewRequested,
    TicketReceived,
    case_id_of,
)
from services.escalation.app import stages
from services.escalation.ports import CaseState
from shared.envelope import encode
from shared.failures import DependencyDown
from shared.telemetry import tracer
from tests.fakes.bus import MemoryBus
from tests.fakes.case_book import FakeCaseBook
from tests.fakes.clock import NOON, FixedClock
from tests.unit.cases import CASE, classification, flag, pack, ticket, validated, validation

SEALED = "gAAAAAB-sealed-originals"


def case_of(turn: int = 1, **fields: Any) -> AnswerValidated:
    """A validated draft of a turn, sure enough to be sent."""
    event = validated(ticket=ticket(sealed=SEALED), **fields)
    return event.model_copy(update={"event_id": uuid4(), "turn": turn, "case_id": case_id_of(CASE, turn)})


def unsure(turn: int = 1) -> AnswerValidated:
    return case_of(turn, validation=validation(confidence=0.4))


def of_a_specialist(turn: int = 1) -> AnswerValidated:
    flagged = classification(route="specialist", queue="trust", flags=(flag("security"),), priority="normal")
    return case_of(turn, classification=flagged)


@dataclass
class Escalation:
    """The service in memory."""

    book: FakeCaseBook = field(default_factory=FakeCaseBook)
    bus: MemoryBus = field(default_factory=MemoryBus)
    clock: FixedClock = field(default_factory=FixedClock)

    def __post_init__(self) -> None:
        self.bus.add("escalation", stages(self.book, {"demo": pack()}, self.clock), self.book.outbox)

    async def takes(self, *events: Event) -> None:
        for event in events:
            await self.bus.publish(encode(event, service="tests"))
            await self.bus.run()

    async def is_told_of_turn(self, turn: int) -> None:
        event = TicketReceived.after(case_of(turn), at=NOON)
        await self.takes(event.model_copy(update={"event_id": uuid4()}))

    async def hears(self, case: AnswerValidated, action: Any, text: str = "", reviewer: str = "ann") -> None:
        decision = Decision(action=action, final_text=text, reviewer=reviewer, decided_at=NOON, reason_code="tone")
        decided = ReviewCompleted.after(case, at=NOON, decision=decision)
        await self.takes(decided.model_copy(update={"event_id": uuid4()}))

    def case(self, case: AnswerValidated) -> CaseState:
        return self.book.cases[case.case_id]

    @property
    def released(self) -> list[AnswerReleased]:
        return self.bus.events(AnswerReleased)

    @property
    def requested(self) -> list[ReviewRequested]:
        return self.bus.events(ReviewRequested)

    @property
    def recorded(self) -> list[FeedbackRecorded]:
        return self.bus.events(FeedbackRecorded)


@pytest.fixture
def escalation() -> Escalation:
    return Escalation()


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

    async def test_a_decision_that_is_itself_the_news_of_a_newer_turn_counts(self, escalation: Escalation) -> None:
        """The book learns of turns from every event, so that no order of topics matters."""
        first, second = unsure(1), unsure(2)
        await escalation.takes(second, first)
        await escalation.hears(second, "approve", second.draft.text)

        assert escalation.case(first).status == "superseded"
        assert escalation.case(second).status == "released"


class TestThePerson:
    async def test_an_approval_sends_the_draft_as_it_is(self, escalation: Escalation) -> None:
        case = unsure()
        await escalation.takes(case)
        await escalation.hears(case, "approve", case.draft.text)

        [released] = escalation.released
        [record] = escalation.recorded
        assert (released.answer.text, released.released_by) == (case.draft.text, "ann")
        assert released.answer.citations == case.draft.citations
        assert (record.decided_by, record.decision.reviewer) == ("person", "ann")
        assert escalation.case(case).status == "released"

    async def test_an_edit_sends_the_new_text_with_the_citations_that_still_hold(self, escalation: Escalation) -> None:
        case = unsure()
        await escalation.takes(case)
        [citation] = case.draft.citations
        await escalation.hears(case, "edit", f"Dear Ann, {citation.quote} [1] Bye")

        [released] = escalation.released
        [moved] = released.answer.citations
        assert released.answer.text[moved.start : moved.end] == citation.quote
        assert escalation.recorded[0].draft == case.draft
        assert escalation.recorded[0].decision.final_text == released.answer.text

    async def test_an_edit_that_takes_a_citation_out_loses_it(self, escalation: Escalation) -> None:
        case = unsure()
        await escalation.takes(case)
        await escalation.hears(case, "edit", "Please call us.")

        assert escalation.released[0].answer.citations == ()

    async def test_a_rejection_sends_nothing_and_is_recorded(self, escalation: Escalation) -> None:
        case = unsure()
        await escalation.takes(case)
        await escalation.hears(case, "reject")

        assert escalation.released == []
        assert escalation.recorded[0].decision.reason_code == "tone"
        assert escalation.case(case).status == "rejected"

    async def test_a_reassigned_case_stays_open_for_the_next_person(self, escalation: Escalation) -> None:
        case = unsure()
        await escalation.takes(case)
        await escalation.hears(case, "reassign")
        assert escalation.case(case).status == "with_specialist"
        assert escalation.released == escalation.recorded == []

        await escalation.hears(case, "approve", case.draft.text, reviewer="bob")
        assert [released.released_by for released in escalation.released] == ["bob"]

    async def test_a_second_decision_changes_nothing(self, escalation: Escalation) -> None:
        case = unsure()
        await escalation.takes(case)
        await escalation.hears(case, "reject", reviewer="ann")
        await escalation.hears(case, "approve", case.draft.text, reviewer="bob")

        assert escalation.released == []
        assert [record.decision.reviewer for record in escalation.recorded] == ["ann"]
        assert escalation.case(case).status == "rejected"

    async def test_a_decision_delivered_twice_is_carried_out_once(self, escalation: Escalation) -> None:
        case = unsure()
        await escalation.takes(case)
        await escalation.hears(case, "approve", case.draft.text)
        await escalation.bus.redeliver(lambda message: message.topic == "review-completed")

        assert len(escalation.released) == len(escalation.recorded) == 1

    async def test_a_case_that_the_policy_released_cannot_be_decided_again(self, escalation: Escalation) -> None:
        case = case_of()
        await escalation.takes(case)
        await escalation.hears(case, "edit", "Something else")

        assert [released.released_by for released in escalation.released] == ["policy"]

    async def test_a_decision_on_a_case_that_is_not_known_is_a_dead_letter(self, escalation: Escalation) -> None:
        await escalation.hears(unsure(), "approve", "text")

        assert [letter.original_topic for letter in escalation.bus.dead_letters] == ["review-completed"]
        assert escalation.released == []

    async def test_an_approval_without_a_text_is_a_dead_letter_and_the_case_stays_open(
        self, escalation: Escalation
    ) -> None:
        case = case_of(draft=Draft(text="", drafter="extractive", model="test"))
        await escalation.takes(case)
        await escalation.hears(case, "approve", "")

        assert [(d.error_type, d.attempts) for d in escalation.bus.dead_letters] == [("InvalidMessage", 1)]
        assert escalation.case(case).status == "in_review"
        await escalation.hears(case, "edit", "An answer by hand")
        assert escalation.released[0].answer.text == "An answer by hand"


class TestTheDelivery:
    @pytest.mark.parametrize("status", ["delivered", "failed"])
    async def test_the_case_knows_whether_the_helpdesk_has_the_answer(
        self, escalation: Escalation, status: Any
    ) -> None:
        case = case_of()
        await escalation.takes(case)
        await escalation.takes(AnswerDelivered.after(escalation.released[0], at=NOON, status=status, attempts=1))

        assert (escalation.case(case).status, escalation.case(case).delivery) == ("released", status)

    async def test_a_report_on_a_case_that_is_not_known_is_nothing(self, escalation: Escalation) -> None:
        await escalation.takes(AnswerDelivered.after(case_of(), at=NOON, status="delivered", attempts=1))

        assert escalation.book.cases == {}
        assert escalation.bus.dead_letters == []
