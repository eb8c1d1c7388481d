"""One round of one contender, and the medians over rounds."""

import asyncio
import statistics
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.bench.contenders import Contender
from infra.bench.problems import BenchFailed
from infra.bench.workers import cpu_seconds
from shared.trace_files import read_spans

# Commits and spans are written in batches within a second; they belong to the tickets that caused them.
SETTLE_SECONDS = 1.5


@dataclass(frozen=True)
class Sample:
    """What one round took. `broker_cpu_ms` is None where the server is not ours to look at."""

    tickets_per_second: float
    cpu_ms_per_ticket: float
    broker_cpu_ms_per_ticket: float | None
    spans_per_ticket: float


async def sample(
    contender: Contender, environ: Mapping[str, str], broker_pid: int | None, *, count: int, warm_up: int
) -> Sample:
    """Starts the contender's workers, warms them up, and measures `count` tickets.

    Raises:
        BenchFailed: a worker ended, or tickets did not arrive.
    """
    brokers = [broker_pid] if broker_pid else []
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as folder:
        async with contender.course(uuid.uuid4().hex[:8], Path(folder), environ) as course:
            await course.run("warm-up", warm_up)
            await asyncio.sleep(SETTLE_SECONDS)
            before, broker_before = cpu_seconds(course.pids), cpu_seconds(brokers)
            seconds = await course.run("measured", count)
            await asyncio.sleep(SETTLE_SECONDS)
            spent, broker_spent = cpu_seconds(course.pids) - before, cpu_seconds(brokers) - broker_before
        spans = sum(1 for _ in read_spans(Path(folder)))
    return Sample(
        tickets_per_second=count / seconds,
        cpu_ms_per_ticket=spent / count * 1000,
        broker_cpu_ms_per_ticket=broker_spent / count * 1000 if brokers else None,
        spans_per_ticket=spans / (count + warm_up),
    )


def summary(samples: Sequence[Sample]) -> dict[str, Any]:
    """Medians over the rounds, with the least and the most.

    Raises:
        BenchFailed: there is no round.
    """
    if not samples:
        raise BenchFailed("no round was completed")
    found: dict[str, Any] = {}
    for name in ("tickets_per_second", "cpu_ms_per_ticket"):
        values = [getattr(one, name) for one in samples]
        found[name] = round(statistics.median(values), 2)
        found[f"{name}_min"], found[f"{name}_max"] = round(min(values), 2), round(max(values), 2)
    brokers = [one.broker_cpu_ms_per_ticket for one in samples if one.broker_cpu_ms_per_ticket is not None]
    found["broker_cpu_ms_per_ticket"] = round(statistics.median(brokers), 2) if brokers else None
    if spans := statistics.median(one.spans_per_ticket for one in samples):
        found["spans_per_ticket"] = round(spans, 2)
    found["rounds"] = len(samples)
    return found
