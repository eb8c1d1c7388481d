"""What happens to one message: decode, handle with retries, publish what came of it, or dead-letter it.

Nothing here knows Kafka: the same code runs under a broker (`shared.service`) and in memory (the journey tests).
"""

import asyncio
import base64
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import structlog
from opentelemetry.trace import SpanKind, Status, StatusCode, get_current_span, use_span

from contracts.events import DeadLetter, Event
from shared import metrics
from shared.clock import now
from shared.envelope import W3C, Message, decode, encode
from shared.failures import DependencyDown, InvalidMessage, Retryable, TooManyDeadLetters
from shared.telemetry import tracer

log = structlog.get_logger(__name__)

Publish = Callable[[Message], Awaitable[None]]
UNFORESEEN_ATTEMPTS_MAX = 3


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of the flow: the event it takes, the events it may give rise to, and the work between them."""

    consumes: type[Event]
    produces: tuple[type[Event], ...]
    run: Callable[[Any], Awaitable[Sequence[Event]]]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often a failing message is tried, and how long the pauses grow (seconds, full jitter)."""

    attempts_max: int = 5
    backoff_seconds: float = 0.2
    backoff_seconds_max: float = 30.0

    def pause(self, attempt: int) -> float:
        """Seconds before try number `attempt + 1`: exponential with full jitter (AWS Architecture Blog, 2015)."""
        ceiling = min(self.backoff_seconds_max, self.backoff_seconds * 2.0 ** min(attempt - 1, 30))
        return random.uniform(0.0, ceiling)


@dataclass(kw_only=True)
class Runner:
    """Runs the stages of one service, one message at a time per call; calls may overlap.

    Args:
        service: the service's name, which is also its consumer group.
        publish: sends one message and returns when the broker has it; raises where it has not.
        patience: bounds on retrying.
        dead_letters_in_a_row_max: after which the consumer stops, because the fault is likely its own.
    """

    service: str
    publish: Publish
    patience: Patience = field(default_factory=Patience)
    dead_letters_in_a_row_max: int = 20
    in_work: dict[int, float] = field(default_factory=dict)
    finished: int = 0
    _dead_letters_in_a_row: int = 0

    @property
    def oldest_seconds(self) -> float:
        """How long the oldest message in work has been there."""
        return time.monotonic() - min(self.in_work.values(), default=time.monotonic())

    async def process(self, stage: Stage, message: Message) -> None:
        """This function will return when the message is settled: its results published, or itself dead-lettered.

        Raises:
            TooManyDeadLetters: the message was not settled, and the consumer has to stop.
        """
        token = id(message)
        self.in_work[token] = started = time.monotonic()
        topic = stage.consumes.topic
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": topic,
            "messaging.consumer.group.name": self.service,
            "messaging.destination.partition.id": str(message.partition),
            "messaging.kafka.offset": message.offset,
        }
        try:
            # `start_as_current_span` would do the same through two more generators, for each message.
            span = tracer.start_span(
                f"process {topic}",
                context=W3C.extract(message.headers),
                kind=SpanKind.CONSUMER,
                attributes=attributes,
            )
            with use_span(span, end_on_exit=True, record_exception=False):
                settled = await self._settle(stage, message)
                if settled is not None:
                    span.set_status(Status(StatusCode.ERROR, settled))
        finally:
            del self.in_work[token]
            self.finished += 1
            # Its count is the number of messages consumed.
            metrics.PROCESS_DURATION.record(time.monotonic() - started, {"messaging.destination.name": topic})

    async def _settle(self, stage: Stage, message: Message) -> str | None:
        """Returns None where the message was handled, or the name of the error that dead-lettered it."""
        attempt = 0
        while True:
            attempt += 1
            try:
                await self._handle(stage, message)
                self._dead_letters_in_a_row = 0
                return None
            except DependencyDown as error:
                log.warning("waiting for a dependency", topic=message.topic, error=str(error), attempt=attempt)
            except InvalidMessage as error:
                return await self._dead_letter(message, error, attempt)
            except Retryable as error:
                if attempt >= self.patience.attempts_max:
                    return await self._dead_letter(message, error, attempt)
                log.info("trying again", topic=message.topic, error=str(error), attempt=attempt)
            except Exception as error:
                _log_unforeseen(message, error, attempt)
                if attempt >= min(UNFORESEEN_ATTEMPTS_MAX, self.patience.attempts_max):
                    return await self._dead_letter(message, error, attempt)
            metrics.RETRIED.add(1, {"messaging.destination.name": message.topic})
            await asyncio.sleep(self.patience.pause(attempt))

    async def _handle(self, stage: Stage, message: Message) -> None:
        event = decode(stage.consumes, message)
        label_span(event)
        for result in await stage.run(event):
            await self._publish(encode(result, service=self.service))

    async def _dead_letter(self, message: Message, error: Exception, attempts: int) -> str:
        self._dead_letters_in_a_row += 1
        if self._dead_letters_in_a_row > self.dead_letters_in_a_row_max:
            raise TooManyDeadLetters(f"{self.service}: {self.dead_letters_in_a_row_max} messages in a row failed")
        name = type(error).__name__
        letter = DeadLetter(
            event_id=uuid5(NAMESPACE_OID, f"{self.service}:{message.topic}:{message.partition}:{message.offset}"),
            occurred_at=now(),
            service=self.service,
            original_topic=message.topic,
            original_partition=message.partition,
            original_offset=message.offset,
            key_base64=base64.b64encode(message.key.encode()).decode(),
            body_base64=base64.b64encode(message.body).decode(),
            headers_base64={k: base64.b64encode(v).decode() for k, v in message.raw_headers},
            error_type=name,
            attempts=attempts,
        )
        await self._publish(encode(letter, service=self.service, key=message.key))
        metrics.DEAD_LETTERS.add(1, {"messaging.destination.name": message.topic, "error.type": name})
        log.error("dead letter", topic=message.topic, offset=message.offset, error_type=name, attempts=attempts)
        return name

    async def _publish(self, message: Message) -> None:
        """Publishing waits for the broker: a result that cannot be sent leaves its cause uncommitted."""
        attempt = 0
        while True:
            attempt += 1
            try:
                await self.publish(message)
                metrics.SENT.add(1, {"messaging.destination.name": message.topic})
                return
            except DependencyDown as error:
                log.warning("waiting for the broker", topic=message.topic, error=str(error), attempt=attempt)
                await asyncio.sleep(self.patience.pause(attempt))


def _log_unforeseen(message: Message, error: Exception, attempt: int) -> None:
    # Where and what, but not the error's own text: it may quote the message, and so a customer's words.
    log.error(
        "unforeseen error",
        topic=message.topic,
        offset=message.offset,
        attempt=attempt,
        error_type=type(error).__name__,
        stack="".join(traceback.format_tb(error.__traceback__)),
    )


def label_span(event: Event) -> None:
    """This function will put the case's ids on the current span, so that a trace can be found by them."""
    get_current_span().set_attributes(
        {
            "handrail.case.id": str(event.case_id),
            "handrail.tenant": event.tenant,
            "messaging.message.id": str(event.event_id),
            "messaging.message.conversation_id": str(event.conversation_id),
        }
    )
