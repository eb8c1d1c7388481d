"""What escalation makes of people's decisions and of the helpdesk's receipts."""

from typing import Any

import pytest

from contracts.events import (
    AnswerDelivered,
    Draft,
)
from tests.fakes.clock import NOON
from tests.unit.escalation.service import Escalation, case_of, unsure


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
