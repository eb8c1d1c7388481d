"""Who takes part: how each is started, given tickets, and seen to be done with them."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import redis.asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from contracts.events import AnswerValidated
from infra.bench import celery_chain
from infra.bench.problems import BenchFailed
from infra.bench.workers import Workers
from infra.bench.workload import HOPS, PARTITIONS, tickets, topic
from shared.envelope import encode

PASS_SECONDS_MAX = 180.0


class Course(Protocol):
    """One contender at work."""

    @property
    def pids(self) -> Sequence[int]:
        """Its worker processes; their children count too."""

    async def run(self, label: str, count: int) -> float:
        """Passes `count` tickets through all hops and returns the seconds from the first sent to the last done."""


class Contender(Protocol):
    """One contender of the bench. `broker` is the server that it sends through: kafka or redis."""

    name: str
    broker: str

    def course(self, run: str, folder: Path, environ: Mapping[str, str]) -> Any:
        """An asynchronous context in which its workers run; yields a `Course`.

        Args:
            run: keeps this round apart from others on the same servers.
            folder: for logs and traces, empty.
            environ: variables that name the servers.
        """


def python(module: str, *arguments: str) -> list[str]:
    """The command line of a module."""
    return [sys.executable, "-m", module, *arguments]


@dataclass(kw_only=True)
class KafkaCourse:
    """Six hops over topics, fed by a producer and watched by a consumer of the last topic."""

    prefix: str
    workers: Workers
    producer: AIOKafkaProducer
    sink: AIOKafkaConsumer
    with_headers: bool

    @property
    def pids(self) -> Sequence[int]:
        return self.workers.pids

    async def run(self, label: str, count: int) -> float:
        messages = [encode(event, service="bench") for event in tickets(self.prefix, label, count)]
        missing = {message.key.encode() for message in messages}
        began = time.monotonic()
        feeding = asyncio.create_task(self._feed(messages))
        while missing:
            batches = await self.sink.getmany(timeout_ms=200)
            missing -= {record.key for records in batches.values() for record in records}
            self.workers.check()
            if time.monotonic() - began > PASS_SECONDS_MAX:
                feeding.cancel()
                raise BenchFailed(f"{len(missing)} of {count} tickets did not arrive in {PASS_SECONDS_MAX:.0f} s")
        seconds = time.monotonic() - began
        await feeding
        return seconds

    async def _feed(self, messages: Sequence[Any]) -> None:
        sent = []
        for message in messages:
            headers = [(name, value.encode()) for name, value in message.headers.items()] if self.with_headers else []
            sent.append(await self.producer.send(message.topic, message.body, message.key.encode(), headers=headers))
        await asyncio.gather(*sent)


@asynccontextmanager
async def kafka_topics(bootstrap: str, names: Sequence[str]) -> AsyncIterator[None]:
    """Topics that exist inside the context only."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
        try:
            yield
        finally:
            await admin.delete_topics(list(names))
    finally:
        await admin.close()


@asynccontextmanager
async def kafka_course(
    run: str,
    folder: Path,
    environ: Mapping[str, str],
    command: Callable[[int], Sequence[str]],
    *,
    with_headers: bool,
) -> AsyncIterator[KafkaCourse]:
    """Topics, six workers, one producer and one consumer. `command` gives the command line of a hop."""
    bootstrap = environ["HANDRAIL_KAFKA_BOOTSTRAP"]
    workers = Workers(folder, environ)
    last = topic(run, HOPS)
    async with kafka_topics(bootstrap, [topic(run, hop) for hop in range(HOPS + 1)]):
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=2)
        sink = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
        async with producer, sink:
            sink.assign([TopicPartition(last, partition) for partition in range(PARTITIONS)])
            try:
                workers.start([command(hop) for hop in range(HOPS)])
                yield KafkaCourse(prefix=run, workers=workers, producer=producer, sink=sink, with_headers=with_headers)
            finally:
                await asyncio.to_thread(workers.stop)


class BareAiokafka:
    """See bare_aiokafka.py."""

    name = "bare_aiokafka"
    broker = "kafka"

    def course(self, run: str, folder: Path, environ: Mapping[str, str]) -> Any:
        def command(hop: int) -> Sequence[str]:
            ends = topic(run, hop), topic(run, hop + 1)
            return python("infra.bench.bare_aiokafka", environ["HANDRAIL_KAFKA_BOOTSTRAP"], *ends)

        return kafka_course(run, folder, environ, command, with_headers=False)


class HandrailEmpty:
    """See handrail_empty.py."""

    name = "handrail_empty"
    broker = "kafka"

    def course(self, run: str, folder: Path, environ: Mapping[str, str]) -> Any:
        own = {**environ, "HANDRAIL_HOME": str(folder), "HANDRAIL_HTTP_PORT": "0"}
        return kafka_course(
            run, folder, own, lambda hop: python("infra.bench.handrail_empty", run, str(hop)), with_headers=True
        )


@dataclass(kw_only=True)
class CeleryCourse:
    """Six workers on Redis queues; the last task adds the ticket to a set."""

    prefix: str
    workers: Workers
    client: redis.asyncio.Redis
    url: str

    @property
    def pids(self) -> Sequence[int]:
        return self.workers.pids

    async def run(self, label: str, count: int) -> float:
        done = f"{topic(self.prefix, HOPS)}-{label}"
        await asyncio.to_thread(self._send, tickets(self.prefix, label, count), done)
        began = time.monotonic()
        await self.client.rename(celery_chain.hold(self.prefix), topic(self.prefix, 0))
        while await self.client.scard(done) < count:
            self.workers.check()
            if time.monotonic() - began > PASS_SECONDS_MAX:
                raise BenchFailed(f"not all of {count} tickets were done in {PASS_SECONDS_MAX:.0f} s")
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    def _send(self, events: Sequence[AnswerValidated], done: str) -> None:
        with celery_chain.app.connection_for_write(self.url) as connection:
            for event in events:
                chain = celery_chain.ticket_chain(self.prefix, event.model_dump(mode="json"), done)
                chain.apply_async(connection=connection)


class CeleryChain:
    """See celery_chain.py."""

    name = "celery_chain"
    broker = "redis"

    @asynccontextmanager
    async def course(self, run: str, folder: Path, environ: Mapping[str, str]) -> AsyncIterator[CeleryCourse]:
        def command(hop: int) -> Sequence[str]:
            names = ["-n", f"{topic(run, hop)}@localhost", "-Q", topic(run, hop)]
            return python("celery", "-A", "infra.bench.celery_chain", "worker", *names, *celery_chain.WORKER)

        workers = Workers(folder, environ)
        url = environ["HANDRAIL_REDIS_URL"]
        async with redis.asyncio.Redis.from_url(url) as client:
            try:
                workers.start([command(hop) for hop in range(HOPS)])
                yield CeleryCourse(prefix=run, workers=workers, client=client, url=url)
            finally:
                await asyncio.to_thread(workers.stop)
                async for key in client.scan_iter(f"*{topic(run, 0)[:-1]}*"):
                    await client.delete(key)
