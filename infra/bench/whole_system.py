"""The whole of Handrail with its real work: tickets of the shipped pack, from the signed webhook to the decision."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer

from contracts.events import AnswerReleased, ReviewRequested
from infra.bench.contenders import PASS_SECONDS_MAX
from infra.bench.problems import BenchFailed
from infra.demo.tenants import DEMO_TENANT, SHIPPED_PACK
from infra.demo.tickets import SampleTicket, Sender, read_tickets
from infra.stack.programs import PROGRAMS
from infra.stack.stack import Stack
from shared.tenants import Source, load_tenants

RATE = 1000.0  # Tickets a second at which they are offered: more than it can take, so that it is never idle.


@dataclass(kw_only=True)
class WholeCourse:
    """Webhooks in, decisions out; the decisions are read from Kafka."""

    prefix: str
    pids: Sequence[int]
    intake_url: str
    source: Source
    sink: AIOKafkaConsumer

    async def run(self, label: str, count: int) -> float:
        """Sends `count` tickets and returns the seconds until the last was decided."""
        await self.sink.seek_to_end()
        sender = Sender(intake_url=self.intake_url, tenant=DEMO_TENANT, source=self.source, run=f"{self.prefix}{label}")
        began = time.monotonic()
        sending = asyncio.create_task(sender.send(_tickets(count), RATE, lambda _: None))
        decided: set[str] = set()
        while len(decided) < count:
            batches = await self.sink.getmany(timeout_ms=200)
            decided |= {orjson.loads(record.value)["case_id"] for records in batches.values() for record in records}
            refused = [one.status_code for one in sending.result() if not one.case_id] if sending.done() else []
            if refused or time.monotonic() - began > PASS_SECONDS_MAX:
                sending.cancel()
                raise BenchFailed(f"{len(decided)} of {count} tickets were decided, and {len(refused)} were refused")
        return time.monotonic() - began


def _tickets(count: int) -> list[SampleTicket]:
    samples = itertools.cycle(read_tickets(SHIPPED_PACK / "tickets.jsonl"))
    return [replace(next(samples), id=str(number)) for number in range(count)]


@dataclass
class WholeSystem:
    """All programs of a stack that is up."""

    stack: Stack
    name = "handrail"
    broker = "kafka"

    @asynccontextmanager
    async def course(self, run: str, folder: Path, environ: Mapping[str, str]) -> AsyncIterator[WholeCourse]:
        """See `contenders.Contender`; the workers run already."""
        programs = {program.name for program in PROGRAMS}
        processes = (await asyncio.to_thread(self.stack.status)).processes
        tenant = load_tenants(Path(environ["HANDRAIL_TENANTS_FILE"]))[DEMO_TENANT]
        bootstrap = environ["HANDRAIL_KAFKA_BOOTSTRAP"]
        async with AIOKafkaConsumer(AnswerReleased.topic, ReviewRequested.topic, bootstrap_servers=bootstrap) as sink:
            yield WholeCourse(
                prefix=run,
                pids=[process.pid for process in processes if process.name in programs],
                intake_url=self.stack.urls["intake"],
                source=tenant.sources["generic"],
                sink=sink,
            )
