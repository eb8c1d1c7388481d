"""What every `CaseBook` of escalation does."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from contracts.events import AnswerValidated, ReviewRequested, case_id_of
from contracts.examples import example
from services.escalation.ports import CaseBook, CaseState
from shared.envelope import Message, decode
from tests.fakes.clock import NOON

Waiting = Callable[[], Awaitable[list[Message]]]

VALIDATED = example(AnswerValidated, "too-many-connections")
REQUEST = example(ReviewRequested, "refund-asked")
IN_REVIEW = CaseState(validated=VALIDATED, status="in_review", trace_id="4bf92f3577b34da6a3ce929d0e0e4736", due_at=NOON)


def of_turn(turn: int) -> AnswerValidated:
    """The draft of another turn of the same conversation."""
    case_id = case_id_of(VALIDATED.conversation_id, turn)
    return VALIDATED.model_copy(update={"turn": turn, "case_id": case_id, "event_id": uuid4()})


class CaseBookSuite:
    """Give it the fixtures `book` and `waiting` (the committed outbox rows)."""

    async def test_an_event_is_new_once(self, book: CaseBook) -> None:
        seen = []
        for _ in range(3):
            async with book.begin(VALIDATED) as work:
                seen.append(work.is_new)

        assert seen == [True, False, False]

    async def test_an_event_is_new_again_after_an_exception(self, book: CaseBook) -> None:
        with pytest.raises(ZeroDivisionError):
            async with book.begin(VALIDATED):
                raise ZeroDivisionError
        async with book.begin(VALIDATED) as work:
            assert work.is_new

    async def test_of_one_event_delivered_twice_at_once_one_is_new(self, book: CaseBook) -> None:
        async def handle() -> bool:
            async with book.begin(VALIDATED) as work:
                await asyncio.sleep(0.02)
                return work.is_new

        assert sorted(await asyncio.gather(handle(), handle())) == [False, True]

    async def test_an_unknown_case_is_none(self, book: CaseBook) -> None:
        async with book.begin(VALIDATED) as work:
            assert await work.case(uuid4()) is None

    async def test_a_saved_case_comes_back_whole(self, book: CaseBook) -> None:
        async with book.begin(VALIDATED) as work:
            await work.save(IN_REVIEW)
            within = await work.case(VALIDATED.case_id)
        async with book.begin(REQUEST) as work:
            afterwards = await work.case(VALIDATED.case_id)

        assert within == afterwards == IN_REVIEW

    async def test_a_case_saved_again_has_its_new_status_and_delivery(self, book: CaseBook) -> None:
        later = replace(IN_REVIEW, status="released", delivery="delivered", due_at=NOON + timedelta(hours=1))
        for number, case in enumerate((IN_REVIEW, later)):
            async with book.begin(of_turn(number + 1)) as work:
                await work.save(case)
        async with book.begin(REQUEST) as work:
            assert await work.case(VALIDATED.case_id) == later

    async def test_the_newest_turn_is_remembered_in_whatever_order_turns_come(self, book: CaseBook) -> None:
        seen = []
        for turn in (2, 1, 3, 2):
            event = of_turn(turn)
            async with book.begin(event) as work:
                seen.append(await work.latest_turn(event))

        assert seen == [2, 2, 3, 3]

    async def test_turns_of_one_conversation_wait_for_one_another(self, book: CaseBook) -> None:
        order: list[str] = []

        async def handle(turn: int) -> None:
            event = of_turn(turn)
            async with book.begin(event) as work:
                await work.latest_turn(event)
                order.append("in")
                await asyncio.sleep(0.02)
                order.append("out")

        await asyncio.gather(handle(1), handle(2))

        assert order == ["in", "out", "in", "out"]

    async def test_a_newer_turn_closes_the_open_cases_of_older_ones_only(self, book: CaseBook) -> None:
        first, second, third = (of_turn(turn) for turn in (1, 2, 3))
        async with book.begin(first) as work:
            await work.save(replace(IN_REVIEW, validated=first, status="with_specialist"))
            await work.save(replace(IN_REVIEW, validated=second, status="released"))
            await work.save(replace(IN_REVIEW, validated=third))
        async with book.begin(third) as work:
            closed = await work.supersede(VALIDATED.conversation_id, before_turn=3)
        async with book.begin(second) as work:
            found = [await work.case(event.case_id) for event in (first, second, third)]

        assert closed == 1
        assert [case.status for case in found if case] == ["superseded", "released", "in_review"]

    async def test_other_conversations_are_not_touched(self, book: CaseBook) -> None:
        async with book.begin(VALIDATED) as work:
            await work.save(IN_REVIEW)
            closed = await work.supersede(uuid4(), before_turn=9)
        async with book.begin(REQUEST) as work:
            assert await work.case(VALIDATED.case_id) == IN_REVIEW
        assert closed == 0

    async def test_state_and_outbox_are_committed_together(self, book: CaseBook, waiting: Waiting) -> None:
        async with book.begin(VALIDATED) as work:
            await work.save(IN_REVIEW)
            await work.emit(REQUEST)
            assert await waiting() == []

        [message] = await waiting()
        assert decode(ReviewRequested, message) == REQUEST

    async def test_state_and_outbox_are_rolled_back_together(self, book: CaseBook, waiting: Waiting) -> None:
        async def fail() -> None:
            async with book.begin(VALIDATED) as work:
                await work.latest_turn(of_turn(7))
                await work.save(IN_REVIEW)
                await work.emit(REQUEST)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()

        assert await waiting() == []
        async with book.begin(VALIDATED) as work:
            assert await work.case(VALIDATED.case_id) is None
            assert await work.latest_turn(VALIDATED) == VALIDATED.turn
