"""What becomes of one message: retries, dead letters, spans, and what is never said about it."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import orjson
import pytest
import structlog
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import capture_logs

from contracts.events import DeadLetter, Event, Ticket, TicketClassified, TicketReceived
from contracts.examples import example
from shared.envelope import Message, encode
from shared.failures import DependencyDown, InvalidMessage, Retryable, TooManyDeadLetters
from shared.stage import Patience, Runner, Stage
from shared.telemetry import span_context_of, tracer

TICKET = example(TicketReceived, "refund-asked")
CLASSIFIED = example(TicketClassified, "refund-asked")
AT_ONCE = Patience(attempts_max=5, backoff_seconds=0.0, backoff_seconds_max=0.0)


class Broker:
    """Keeps what is published; refuses as often as it is told to."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.refusals = 0

    async def publish(self, message: Message) -> None:
        if self.refusals:
            self.refusals -= 1
            raise DependencyDown("the broker is away")
        self.messages.append(message)

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [DeadLetter.model_validate_json(m.body) for m in self.messages if m.topic == "dead-letter"]


class Failing:
    """A stage's work that fails so often with an error, and then gives its results."""

    def __init__(self, error: Exception, times: int = 10**9, results: Sequence[Event] = ()) -> None:
        self.error = error
        self.times = times
        self.results = results
        self.tries = 0

    async def __call__(self, _: Any) -> Sequence[Event]:
        self.tries += 1
        if self.tries <= self.times:
            raise self.error
        return self.results


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def runner(broker: Broker) -> Runner:
    return Runner(service="classification", publish=broker.publish, patience=AT_ONCE)


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    structlog.reset_defaults()
    with capture_logs() as captured:
        yield captured


def stage(run: Callable[[Any], Awaitable[Sequence[Event]]]) -> Stage:
    return Stage(consumes=TicketReceived, produces=(TicketClassified,), run=run)


def message(offset: int = 7) -> Message:
    sent = encode(TICKET, service="intake")
    raw = tuple((name, value.encode()) for name, value in sent.headers.items())
    return Message(sent.topic, sent.key, sent.headers, sent.body, partition=2, offset=offset, raw_headers=raw)


async def classify(_: TicketReceived) -> Sequence[Event]:
    return [CLASSIFIED]


class TestResults:
    async def test_what_a_stage_returns_is_published(self, runner: Runner, broker: Broker) -> None:
        await runner.process(stage(classify), message())

        assert [m.topic for m in broker.messages] == ["ticket-classified"]
        assert broker.messages[0].headers["ce_source"] == "/handrail/classification"
        assert (runner.finished, runner.in_work) == (1, {})

    async def test_a_result_waits_until_the_broker_takes_it(self, runner: Runner, broker: Broker) -> None:
        broker.refusals = 30
        run = Failing(Retryable("-"), times=0, results=[CLASSIFIED])
        await runner.process(stage(run), message())

        assert [m.topic for m in broker.messages] == ["ticket-classified"]
        assert run.tries == 1

    async def test_a_message_in_work_counts_until_it_is_settled(self, runner: Runner) -> None:
        go, began = asyncio.Event(), asyncio.Event()

        async def wait(_: TicketReceived) -> Sequence[Event]:
            began.set()
            await go.wait()
            return ()

        task = asyncio.create_task(runner.process(stage(wait), message()))
        await began.wait()
        assert len(runner.in_work) == 1
        assert runner.oldest_seconds > 0.0
        go.set()
        await task
        assert runner.in_work == {}


class TestFailures:
    async def test_an_invalid_message_is_one_dead_letter_at_once(self, runner: Runner, broker: Broker) -> None:
        run = Failing(InvalidMessage("a tenant that is not configured"))
        await runner.process(stage(run), message())

        assert run.tries == 1
        assert [(d.error_type, d.attempts) for d in broker.dead_letters] == [("InvalidMessage", 1)]

    async def test_a_body_that_is_garbage_never_reaches_the_stage(self, runner: Runner, broker: Broker) -> None:
        run = Failing(AssertionError())
        await runner.process(stage(run), Message("ticket-received", "k", {}, b"\xff{", partition=0, offset=1))

        assert run.tries == 0
        [letter] = broker.dead_letters
        assert base64.b64decode(letter.body_base64) == b"\xff{"

    async def test_a_retryable_failure_that_passes_leaves_no_trace(self, runner: Runner, broker: Broker) -> None:
        run = Failing(Retryable("a deadlock"), times=4, results=[CLASSIFIED])
        await runner.process(stage(run), message())

        assert [m.topic for m in broker.messages] == ["ticket-classified"]

    async def test_a_retryable_failure_that_stays_is_bounded(self, runner: Runner, broker: Broker) -> None:
        run = Failing(Retryable("a deadlock"))
        await runner.process(stage(run), message())

        assert run.tries == AT_ONCE.attempts_max
        assert [(d.error_type, d.attempts) for d in broker.dead_letters] == [("Retryable", 5)]

    async def test_a_dependency_that_is_down_is_waited_for_and_nothing_is_rejected(
        self, runner: Runner, broker: Broker
    ) -> None:
        run = Failing(DependencyDown("PostgreSQL is away"), times=200, results=[CLASSIFIED])
        await runner.process(stage(run), message())

        assert run.tries == 201
        assert [m.topic for m in broker.messages] == ["ticket-classified"]

    async def test_an_unforeseen_error_is_tried_three_times(self, runner: Runner, broker: Broker) -> None:
        run = Failing(KeyError("surprise"))
        await runner.process(stage(run), message())

        assert run.tries == 3
        assert [(d.error_type, d.attempts) for d in broker.dead_letters] == [("KeyError", 3)]

    async def test_a_dead_letter_has_all_that_a_replay_needs(self, runner: Runner, broker: Broker) -> None:
        original = message(offset=41)
        await runner.process(stage(Failing(InvalidMessage("-"))), original)
        await runner.process(stage(Failing(InvalidMessage("-"))), original)

        letter, same = broker.dead_letters
        assert letter.event_id == same.event_id
        assert (letter.service, letter.original_topic) == ("classification", "ticket-received")
        assert (letter.original_partition, letter.original_offset) == (2, 41)
        assert base64.b64decode(letter.body_base64) == original.body
        assert base64.b64decode(letter.key_base64).decode() == original.key
        assert {k: base64.b64decode(v).decode() for k, v in letter.headers_base64.items()} == original.headers

    async def test_too_many_dead_letters_in_a_row_stop_the_consumer(self, broker: Broker) -> None:
        runner = Runner(service="s", publish=broker.publish, patience=AT_ONCE, dead_letters_in_a_row_max=3)
        bad = stage(Failing(InvalidMessage("-")))
        for offset in range(3):
            await runner.process(bad, message(offset))

        with pytest.raises(TooManyDeadLetters):
            await runner.process(bad, message(3))
        assert len(broker.dead_letters) == 3

    async def test_a_message_that_succeeds_begins_the_count_anew(self, broker: Broker) -> None:
        runner = Runner(service="s", publish=broker.publish, patience=AT_ONCE, dead_letters_in_a_row_max=1)
        for _ in range(3):
            await runner.process(stage(Failing(InvalidMessage("-"))), message())
            await runner.process(stage(classify), message())

        assert len(broker.dead_letters) == 3

    async def test_a_dead_letter_waits_for_the_broker_too(self, runner: Runner, broker: Broker) -> None:
        broker.refusals = 9
        await runner.process(stage(Failing(InvalidMessage("-"))), message())

        assert len(broker.dead_letters) == 1

    async def test_cancelling_settles_nothing(self, runner: Runner, broker: Broker) -> None:
        """SIGTERM cancels what is in work: it is delivered again, and not dead-lettered."""
        began = asyncio.Event()

        async def hang(_: TicketReceived) -> Sequence[Event]:
            began.set()
            await asyncio.Event().wait()
            return ()

        task = asyncio.create_task(runner.process(stage(hang), message()))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert broker.messages == []
        assert runner.in_work == {}


class TestSpans:
    async def test_the_span_hangs_under_the_senders_and_has_the_cases_ids(
        self, runner: Runner, spans: InMemorySpanExporter
    ) -> None:
        with tracer.start_as_current_span("sending"):
            sent = message()
        await runner.process(stage(classify), sent)

        sending, processing = spans.get_finished_spans()
        assert processing.name == "process ticket-received"
        assert processing.kind is SpanKind.CONSUMER
        assert processing.parent is not None
        assert processing.parent.span_id == sending.context.span_id
        assert processing.attributes is not None
        wanted = {
            "handrail.case.id": str(TICKET.case_id),
            "handrail.tenant": "northquay",
            "messaging.message.id": str(TICKET.event_id),
            "messaging.message.conversation_id": str(TICKET.conversation_id),
            "messaging.consumer.group.name": "classification",
            "messaging.destination.partition.id": "2",
            "messaging.kafka.offset": 7,
        }
        assert {name: processing.attributes.get(name) for name in wanted} == wanted

    async def test_results_carry_the_span_on(self, runner: Runner, broker: Broker, spans: InMemorySpanExporter) -> None:
        await runner.process(stage(classify), message())

        [processing] = spans.get_finished_spans()
        assert span_context_of(broker.messages[0].headers).span_id == processing.context.span_id

    async def test_a_dead_lettered_message_has_a_failed_span_named_after_the_error(
        self, runner: Runner, spans: InMemorySpanExporter
    ) -> None:
        await runner.process(stage(Failing(KeyError("surprise"))), message())

        [processing] = spans.get_finished_spans()
        assert (processing.status.status_code, processing.status.description) == (StatusCode.ERROR, "KeyError")


SECRET_WORDS = "my dog is called Rex and my card is 4111"


async def quote_the_customer(event: TicketReceived) -> Sequence[Event]:
    """What a careless stage may do: pydantic's error quotes the input."""
    Ticket.model_validate({**event.ticket.model_dump(), "received_at": SECRET_WORDS})
    return ()


async def fail_with_the_customers_words(_: TicketReceived) -> Sequence[Event]:
    raise ValueError(SECRET_WORDS)


@pytest.mark.parametrize("run", [quote_the_customer, fail_with_the_customers_words])
async def test_neither_logs_nor_spans_nor_letters_quote_the_customer(
    run: Callable[[Any], Awaitable[Sequence[Event]]],
    runner: Runner,
    broker: Broker,
    logs: list[Any],
    spans: InMemorySpanExporter,
) -> None:
    await runner.process(stage(run), message())

    said = orjson.dumps(logs, default=repr).decode() + "".join(span.to_json() for span in spans.get_finished_spans())
    assert [entry["event"] for entry in logs] == ["unforeseen error"] * 3 + ["dead letter"]
    assert "exc_info" not in said
    assert run.__name__ in logs[0]["stack"]
    for words in (SECRET_WORDS, TICKET.ticket.subject, TICKET.ticket.body[:40]):
        assert words not in said
        assert words not in broker.dead_letters[0].model_dump_json(exclude={"body_base64"})
