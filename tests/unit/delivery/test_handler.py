"""One attempt to send an answer, and what follows from it."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from contracts.events import Answer, AnswerDelivered, AnswerReleased
from contracts.examples import example
from services.delivery import handler
from services.delivery.app import stages
from services.delivery.ports import Sending
from services.delivery.rules import Attempted, Next, after, judge
from shared.envelope import encode
from shared.telemetry import tracer
from shared.vault import Vault
from tests.fakes.bus import MemoryBus
from tests.fakes.clock import FixedClock
from tests.fakes.sendings import FakeHelpdesk, FakeHelpdesks, FakeSendings

VAULT = Vault(SecretStr(Fernet.generate_key().decode()))
BUSY = Attempted(result="unclear", error="the helpdesk answered 503")
GONE = Attempted(result="refused", error="the helpdesk answered 404")


def released(text: str = "Dear [EMAIL_1], use port 6432.", **fields: Any) -> AnswerReleased:
    sealed = VAULT.seal({"[EMAIL_1]": "ann@example.com"})
    changes = {"answer": Answer(text=text), "sealed": sealed, **fields}
    return example(AnswerReleased, "too-many-connections").model_copy(update=changes)


class Delivery:
    """The consumer and its worker in memory; `enqueue` and the sweep both end in `work`."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.sendings = FakeSendings(self.clock)
        self.helpdesk = FakeHelpdesk()
        self.helpdesks = FakeHelpdesks(self.helpdesk)
        self.woken: list[Any] = []
        self.bus = MemoryBus()
        self.bus.add("delivery", stages(self.sendings, self._enqueue), self.sendings.outbox)

    async def _enqueue(self, case_id: Any) -> None:
        self.woken.append(case_id)

    async def takes(self, answer: AnswerReleased) -> None:
        await self.bus.publish(encode(answer, service="escalation"))
        await self.bus.run()

    def work(self, attempts_max: int = 3) -> list[Next]:
        """What the workers make of all that is due."""
        then = []
        for case_id in self.sendings.due(100):
            sending = self.sendings.claim(case_id, 60.0)
            assert sending is not None
            then.append(self.attempt(sending, attempts_max)[1])
        return then

    def attempt(self, sending: Sending, attempts_max: int = 3) -> tuple[Attempted, Next]:
        return handler.attempt(
            sending,
            sendings=self.sendings,
            helpdesks=self.helpdesks,
            vault=VAULT,
            attempts_max=attempts_max,
            backoff_seconds_max=600.0,
            now=self.clock(),
        )

    async def reports(self) -> list[tuple[str, str, str, int]]:
        await self.bus.run()
        events = self.bus.events(AnswerDelivered)
        return [(event.status, event.receipt, event.error, event.attempts) for event in events]


@pytest.fixture
def delivery() -> Delivery:
    return Delivery()


class TestTheConsumer:
    @pytest.mark.usefixtures("spans")
    async def test_an_answer_is_written_down_and_a_worker_woken(self, delivery: Delivery) -> None:
        with tracer.start_as_current_span("releasing") as span:
            await delivery.takes(released())

        answer = released()
        [row] = delivery.sendings.rows.values()
        assert delivery.woken == [answer.case_id]
        assert f"{span.get_span_context().trace_id:032x}" in row.traceparent
        assert delivery.helpdesk.replies == []

    async def test_a_redelivered_answer_wakes_again_but_is_sent_once(self, delivery: Delivery) -> None:
        await delivery.takes(released())
        delivery.work()
        await delivery.bus.redeliver(lambda message: message.topic == "answer-released")
        delivery.work()

        assert len(delivery.helpdesk.replies) == 1
        assert len(delivery.woken) == 2


class TestAnAttempt:
    async def test_an_accepted_answer_is_delivered_with_its_receipt(self, delivery: Delivery) -> None:
        await delivery.takes(released())

        assert delivery.work() == [Next(status="delivered")]
        assert await delivery.reports() == [("delivered", "r1", "", 1)]

    async def test_tokens_are_restored_on_the_way_out_only(self, delivery: Delivery) -> None:
        await delivery.takes(released("Dear [EMAIL_1], not [EMAIL_9]."))
        delivery.work()

        assert [text for _, _, text in delivery.helpdesk.replies] == ["Dear ann@example.com, not [EMAIL_9]."]
        assert not [message for message in delivery.bus.published if b"ann@example.com" in message.body]

    async def test_an_answer_without_sealed_data_goes_out_as_it_is(self, delivery: Delivery) -> None:
        await delivery.takes(released("Use port 6432.", sealed=""))
        delivery.work()

        assert delivery.helpdesk.replies[0][2] == "Use port 6432."

    async def test_sealed_data_that_does_not_open_fails_for_good_and_sends_nothing(self, delivery: Delivery) -> None:
        await delivery.takes(released(sealed="gAAAAAB-made-with-another-key"))

        assert delivery.work() == [Next(status="failed")]
        assert delivery.helpdesk.replies == []
        [(status, _, error, attempts)] = await delivery.reports()
        assert (status, attempts) == ("failed", 1)
        assert "another key" in error

    async def test_a_refusal_is_final(self, delivery: Delivery) -> None:
        delivery.helpdesk.faults = [GONE]
        await delivery.takes(released())
        delivery.work()
        delivery.clock.advance(3600)

        assert delivery.work() == []
        assert await delivery.reports() == [("failed", "", "the helpdesk answered 404", 1)]

    async def test_a_helpdesk_that_is_no_longer_configured_is_final(self, delivery: Delivery) -> None:
        delivery.helpdesks.configured = False
        await delivery.takes(released())
        delivery.work()

        assert [report[0] for report in await delivery.reports()] == ["failed"]

    async def test_a_busy_helpdesk_is_tried_again_after_a_pause_and_reported_once(self, delivery: Delivery) -> None:
        delivery.helpdesk.faults = [BUSY]
        await delivery.takes(released())

        assert delivery.work() == [Next(status="pending", pause_seconds=2.0)]
        assert delivery.work() == []
        assert await delivery.reports() == []
        delivery.clock.advance(2.0)
        assert delivery.work() == [Next(status="delivered")]
        assert await delivery.reports() == [("delivered", "r1", "", 2)]

    async def test_attempts_are_bounded(self, delivery: Delivery) -> None:
        delivery.helpdesk.faults = [BUSY] * 10
        await delivery.takes(released())
        for _ in range(5):
            delivery.work(attempts_max=3)
            delivery.clock.advance(3600)

        assert await delivery.reports() == [("failed", "", "the helpdesk answered 503", 3)]

    async def test_a_reply_whose_answer_was_lost_is_found_and_not_sent_twice(self, delivery: Delivery) -> None:
        delivery.helpdesk.faults = ["lost"]
        await delivery.takes(released())
        delivery.work()
        delivery.clock.advance(3600)
        delivery.work()

        assert len(delivery.helpdesk.replies) == 1
        assert await delivery.reports() == [("delivered", "r1", "", 2)]

    async def test_a_worker_that_died_after_sending_does_not_cause_a_second_reply(self, delivery: Delivery) -> None:
        await delivery.takes(released())
        sending = delivery.sendings.claim(released().case_id, lease_seconds=60.0)
        assert sending is not None
        handler.send(sending, helpdesks=delivery.helpdesks, vault=VAULT)  # Then SIGKILL: nothing was reported.
        delivery.clock.advance(61.0)
        delivery.work()

        assert len(delivery.helpdesk.replies) == 1
        assert await delivery.reports() == [("delivered", "r1", "", 2)]

    async def test_while_the_helpdesk_cannot_be_asked_nothing_is_sent_again(self, delivery: Delivery) -> None:
        delivery.helpdesk.faults = ["lost"]
        await delivery.takes(released())
        delivery.work()
        delivery.helpdesk.can_be_asked = False
        delivery.clock.advance(3600)

        assert [then.status for then in delivery.work()] == ["pending"]
        assert len(delivery.helpdesk.replies) == 1

    async def test_the_worker_that_was_taken_over_reports_nothing(self, delivery: Delivery) -> None:
        await delivery.takes(released())
        slow = delivery.sendings.claim(released().case_id, lease_seconds=60.0)
        assert slow is not None
        delivery.clock.advance(61.0)
        delivery.work()
        delivery.helpdesk.faults = [GONE]
        delivery.attempt(slow)

        assert await delivery.reports() == [("delivered", "r1", "", 2)]


class TestWhatFollows:
    @pytest.mark.parametrize(("attempts", "pause"), [(1, 2.0), (2, 4.0), (5, 32.0), (6, 60.0), (100, 60.0)])
    def test_pauses_double_up_to_a_bound(self, attempts: int, pause: float) -> None:
        then = after(BUSY, attempts=attempts, attempts_max=1000, backoff_seconds_max=60.0)
        assert then == Next(status="pending", pause_seconds=pause)

    @pytest.mark.parametrize(("asked", "pause"), [(0.5, 2.0), (30.0, 30.0), (float("inf"), 60.0)])
    def test_the_helpdesks_wish_for_a_longer_pause_is_met_within_the_bound(self, asked: float, pause: float) -> None:
        busy = Attempted(result="unclear", retry_after_seconds=asked)
        assert after(busy, attempts=1, attempts_max=9, backoff_seconds_max=60.0).pause_seconds == pause

    @pytest.mark.parametrize(
        ("status", "result"),
        [(200, "accepted"), (201, "accepted"), (204, "accepted"), (301, "refused"), (400, "refused"), (401, "refused"),
         (404, "refused"), (408, "unclear"), (409, "unclear"), (422, "refused"), (425, "unclear"), (429, "unclear"),
         (500, "unclear"), (503, "unclear"), (599, "unclear")],
    )  # fmt: skip
    def test_a_status_says_whether_to_try_again(self, status: int, result: str) -> None:
        assert judge(status) == result
