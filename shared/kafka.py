"""Kafka through FastStream and aiokafka: consumers that work on several messages at once and commit correctly."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream_concurrent_aiokafka import (
    ConsumerRebalanceListener,
    KafkaConcurrentProcessingMiddleware,
    initialize_concurrent_processing,
    is_kafka_handler_healthy,
    stop_concurrent_processing,
)

from shared.envelope import DEAD_LETTER_BYTES_MAX, Message
from shared.failures import DependencyDown, InvalidMessage, TooManyDeadLetters
from shared.settings import Settings
from shared.stage import Runner, Stage

log = structlog.get_logger(__name__)

SESSION_SECONDS = 10.0


async def _parse(record: ConsumerRecord, parse: Callable[[ConsumerRecord], Awaitable[Any]]) -> Any:
    # FastStream decodes headers as UTF-8 before anything of ours runs, and would drop a message whose headers are not;
    # nor shall a stranger's `reply_to` mean anything.
    message = await parse(dataclasses.replace(record, headers=()))
    message.raw_message = record
    return message


async def _as_it_is(message: Any, _: Any) -> ConsumerRecord:
    return message.raw_message


def to_message(record: ConsumerRecord) -> Message:
    """What the stages see of a Kafka record. Header bytes that are no UTF-8 are replaced, never an error."""
    raw = tuple(record.headers)
    return Message(
        topic=record.topic,
        key=(record.key or b"").decode(errors="replace"),
        headers={name: value.decode(errors="replace") for name, value in raw},
        body=record.value or b"",
        partition=record.partition,
        offset=record.offset,
        raw_headers=raw,
    )


class KafkaProducer:
    """Sends messages and returns once all in-sync replicas have them."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Raises DependencyDown where the broker is not reachable."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_bootstrap,
            client_id=f"handrail-{self._name}",
            acks="all",
            enable_idempotence=self._settings.kafka_idempotence,
            linger_ms=2,
            # aiokafka's 16 kB hold three events, and it sends one batch of a partition at a time.
            max_batch_size=262_144,
            max_request_size=DEAD_LETTER_BYTES_MAX,
            request_timeout_ms=15_000,
        )
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise DependencyDown(f"Kafka is not reachable ({type(error).__name__})") from error

    async def stop(self) -> None:
        """Sends what is still buffered and closes the connections."""
        if self._producer is not None:
            await self._producer.stop()

    async def publish(self, message: Message) -> None:
        """Raises DependencyDown where Kafka does not take the message now, InvalidMessage where it never will."""
        if self._producer is None:
            raise DependencyDown("the producer was not started")
        headers = [(name, value.encode()) for name, value in message.headers.items()]
        try:
            await self._producer.send_and_wait(
                message.topic, value=message.body, key=message.key.encode(), headers=headers
            )
        except MessageSizeTooLargeError as error:
            raise InvalidMessage(f"{len(message.body)} bytes are more than a message may have") from error
        except KafkaError as error:
            raise DependencyDown(f"Kafka did not take the message ({type(error).__name__})") from error


class KafkaConsumers:
    """The consumers of one service, one per stage, all in the group named like the service."""

    def __init__(self, settings: Settings, runner: Runner, stages: Sequence[Stage]) -> None:
        self._settings = settings
        self._runner = runner
        self.failed = asyncio.Event()
        # The concurrent middleware has to be the outermost one; types are checked in `decode`, once.
        self._broker = KafkaBroker(
            settings.kafka_bootstrap,
            client_id=f"handrail-{runner.service}",
            middlewares=[KafkaConcurrentProcessingMiddleware],
            apply_types=False,
            graceful_timeout=settings.drain_seconds,
            logger=None,
        )
        for stage in stages:
            self._subscribe(stage)

    def _subscribe(self, stage: Stage) -> None:
        async def on_record(record: ConsumerRecord) -> None:
            try:
                await self._runner.process(stage, to_message(record))
            except TooManyDeadLetters as error:
                log.critical("stopping", error=str(error))
                self.failed.set()
                await asyncio.Event().wait()  # Until shutdown cancels it, so that the offset stays uncommitted.

        subscriber = self._broker.subscriber(
            stage.consumes.topic,
            group_id=self._runner.service,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            parser=_parse,
            decoder=_as_it_is,
            no_reply=True,
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            listener=ConsumerRebalanceListener.from_context(self._broker.context),
            heartbeat_interval_ms=2000,
            max_partition_fetch_bytes=DEAD_LETTER_BYTES_MAX,
        )
        subscriber(on_record)

    @property
    def consumers(self) -> list[AIOKafkaConsumer]:
        """aiokafka's consumers, those that are started."""
        found = (getattr(subscriber, "consumer", None) for subscriber in self._broker.subscribers)
        return [consumer for consumer in found if consumer is not None]

    async def start(self) -> None:
        """Raises DependencyDown where the broker is not reachable."""
        try:
            await self._broker.connect()
            await initialize_concurrent_processing(
                context=self._broker.context,
                concurrency_limit=self._settings.concurrency,
                commit_batch_size=100,
                commit_batch_timeout_sec=0.5,
                shutdown_timeout_sec=10.0,
            )
            await self._broker.start()
        except KafkaError as error:
            raise DependencyDown(f"Kafka is not reachable ({type(error).__name__})") from error

    async def drain(self) -> None:
        """This function will take no further messages, wait for those in work, commit, and leave the group.

        What is not done after `drain_seconds` is cancelled and delivered again to another member.
        """
        for consumer in self.consumers:
            consumer.pause(*consumer.assignment())
        deadline = asyncio.get_running_loop().time() + self._settings.drain_seconds
        while self._runner.in_work and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        await stop_concurrent_processing(self._broker.context)
        await self._broker.stop()

    def problems(self) -> list[str]:
        """Why this process should get no more work, in words; empty where it is well."""
        found = []
        if self.failed.is_set():
            found.append("stopped after too many dead letters in a row")
        if not is_kafka_handler_healthy(self._broker.context):
            found.append("offsets are not being committed")
        consumers = self.consumers
        if len(consumers) < len(self._broker.subscribers):
            found.append("a consumer is not started")
        found += [f"no partitions of {topic}" for c in consumers if not c.assignment() for topic in c.subscription()]
        if self._runner.oldest_seconds > self._settings.stuck_seconds:
            found.append(f"a message has been in work for more than {self._settings.stuck_seconds:.0f} s")
        return found

    def lag(self) -> dict[TopicPartition, int]:
        """Messages not yet fetched, by partition, as far as this member knows."""
        lags = {}
        for consumer in self.consumers:
            for partition in consumer.assignment():
                end, position = consumer.highwater(partition), _position(consumer, partition)
                if end is not None and position is not None:
                    lags[partition] = max(0, end - position)
        return lags


def _position(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
    state = consumer._subscription.subscription  # noqa: SLF001 -- `position()` would wait for the network.
    tp_state = state.assignment.state_value(partition) if state and state.assignment else None
    return tp_state.position if tp_state is not None and tp_state.has_valid_position else None
