"""What delivery's stores do: the consumer's `Intents` and the worker's `Sendings`."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import pytest

from contracts.events import AnswerDelivered, AnswerReleased
from contracts.examples import example
from services.delivery.ports import Intents, Sending, Sendings
from services.delivery.rules import Attempted, Next
from shared.envelope import Message, decode
from tests.fakes.clock import NOON

Waiting = Callable[[], Awaitable[list[Message]]]

RELEASED = example(AnswerReleased, "too-many-connections")
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ACCEPTED = Attempted(result="accepted", receipt="r1")
UNCLEAR = Attempted(result="unclear", error="the helpdesk answered 503")
DELIVERED = Next(status="delivered")


@dataclass(frozen=True)
class Stores:
    """Both stores of one delivery service."""

    intents: Intents
    sendings: Sendings


async def intend(stores: Stores, released: AnswerReleased = RELEASED) -> None:
    """The consumer's step."""
    async with stores.intents.begin(released) as work:
        if work.is_new:
            await work.intend(released, TRACEPARENT)


def another(number: int) -> AnswerReleased:
    """An answer to another case."""
    return RELEASED.model_copy(update={"event_id": uuid4(), "case_id": uuid4(), "external_id": str(number)})


def claimed(stores: Stores, lease_seconds: float = 60.0) -> Sending:
    """The sending, which has to be there."""
    sending = stores.sendings.claim(RELEASED.case_id, lease_seconds)
    assert sending is not None
    return sending


def report_of(sending: Sending) -> AnswerDelivered:
    """The event that a delivered answer gives rise to."""
    return AnswerDelivered.after(sending.released, at=NOON, status="delivered", receipt="r1", attempts=sending.attempts)


class SendingsSuite:
    """Give it the fixtures `stores` and `waiting` (the committed outbox rows)."""

    async def test_an_intent_is_due_at_once_and_claimed_with_all_it_needs(self, stores: Stores) -> None:
        await intend(stores)

        assert stores.sendings.due(10) == [RELEASED.case_id]
        assert claimed(stores) == Sending(released=RELEASED, traceparent=TRACEPARENT, attempts=1)

    async def test_an_answer_intended_twice_is_one_sending(self, stores: Stores) -> None:
        await intend(stores)
        await intend(stores)
        await intend(stores, RELEASED.model_copy(update={"event_id": uuid4()}))

        assert stores.sendings.due(10) == [RELEASED.case_id]
        assert claimed(stores).released == RELEASED

    async def test_an_intent_whose_transaction_fails_is_not_there(self, stores: Stores) -> None:
        async def fail() -> None:
            async with stores.intents.begin(RELEASED) as work:
                await work.intend(RELEASED, TRACEPARENT)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()

        assert stores.sendings.due(10) == []
        assert stores.sendings.claim(RELEASED.case_id, 60.0) is None

    async def test_an_unknown_answer_cannot_be_claimed(self, stores: Stores) -> None:
        assert stores.sendings.claim(uuid4(), 60.0) is None

    async def test_of_several_workers_at_once_one_gets_the_sending(self, stores: Stores) -> None:
        await intend(stores)
        with ThreadPoolExecutor(4) as pool:
            claims = list(pool.map(lambda _: stores.sendings.claim(RELEASED.case_id, 60.0), range(4)))

        assert sum(claim is not None for claim in claims) == 1
        assert stores.sendings.due(10) == []

    async def test_a_sending_whose_lease_ran_out_is_taken_over_as_the_next_attempt(self, stores: Stores) -> None:
        await intend(stores)
        claimed(stores, lease_seconds=0.0)

        assert claimed(stores).attempts == 2

    async def test_a_delivered_answer_is_neither_due_nor_claimed_again(self, stores: Stores) -> None:
        await intend(stores)
        stores.sendings.report(claimed(stores), ACCEPTED, DELIVERED, None)

        assert stores.sendings.due(10) == []
        assert stores.sendings.claim(RELEASED.case_id, 60.0) is None

    async def test_an_answer_that_failed_for_good_is_not_claimed_again(self, stores: Stores) -> None:
        await intend(stores)
        refused = Attempted(result="refused", error="the helpdesk answered 404")
        stores.sendings.report(claimed(stores), refused, Next(status="failed"), None)

        assert stores.sendings.claim(RELEASED.case_id, 60.0) is None

    async def test_a_failed_attempt_is_due_again_after_its_pause(self, stores: Stores) -> None:
        await intend(stores)
        stores.sendings.report(claimed(stores), UNCLEAR, Next(status="pending", pause_seconds=3600.0), None)
        assert stores.sendings.due(10) == []
        assert stores.sendings.claim(RELEASED.case_id, 60.0) is None

    async def test_a_failed_attempt_without_a_pause_is_due_at_once(self, stores: Stores) -> None:
        await intend(stores)
        stores.sendings.report(claimed(stores), UNCLEAR, Next(status="pending", pause_seconds=0.0), None)

        assert stores.sendings.due(10) == [RELEASED.case_id]
        assert claimed(stores).attempts == 2

    async def test_the_report_and_its_event_are_committed_together(self, stores: Stores, waiting: Waiting) -> None:
        await intend(stores)
        sending = claimed(stores)
        stores.sendings.report(sending, ACCEPTED, DELIVERED, report_of(sending))

        [message] = await waiting()
        assert decode(AnswerDelivered, message) == report_of(sending)

    async def test_the_late_report_of_a_worker_that_was_taken_over_changes_nothing(
        self, stores: Stores, waiting: Waiting
    ) -> None:
        await intend(stores)
        slow = claimed(stores, lease_seconds=0.0)
        quick = claimed(stores)
        stores.sendings.report(slow, Attempted(result="refused"), Next(status="failed"), report_of(slow))
        assert await waiting() == []

        stores.sendings.report(quick, ACCEPTED, DELIVERED, report_of(quick))
        assert [decode(AnswerDelivered, message).attempts for message in await waiting()] == [2]

    async def test_due_answers_are_bounded_and_the_longest_waiting_come_first(self, stores: Stores) -> None:
        answers = [another(number) for number in range(3)]
        for answer in answers:
            await intend(stores, answer)
        sending = stores.sendings.claim(answers[0].case_id, 60.0)
        assert sending is not None
        stores.sendings.report(sending, UNCLEAR, Next(status="pending", pause_seconds=0.0), None)

        due = stores.sendings.due(10)
        assert {*due} == {answer.case_id for answer in answers}
        assert stores.sendings.due(2) == due[:2]
