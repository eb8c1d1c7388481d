"""The bench of the gateway: what it adds to a call of a model, beside the LiteLLM proxy and the bare client.

Open loop at a fixed rate: requests begin at instants laid down beforehand, and latency counts from them, so that a
contender that falls behind cannot hide it (Tene, "How NOT to Measure Latency", 2015). The contenders take turns.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import openai
import psutil

from infra.bench.gateway_contenders import MODEL_MS, Caller, Servers, contenders, servers
from infra.bench.problems import BenchFailed
from infra.bench.workers import cpu_seconds
from shared.gateway import ModelUnavailable

Report = Callable[[str], None]

WARM_UP = 60
SETTLE_SECONDS = 0.5
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Round:
    """Latencies in milliseconds of one round, and the CPU it took: the caller's, with that of the peer's process."""

    latencies_ms: Sequence[float]
    cpu_ms_per_request: float

    def percentile(self, share: int) -> float:
        """That percentile of the latencies."""
        return float(np.percentile(self.latencies_ms, share))


async def _round(caller: Caller, *, count: int, rate: float) -> Round:
    """Sends `count` requests, `rate` a second. Raises BenchFailed where one fails."""
    pids = [caller.pid] if caller.pid else []
    cpu, own_cpu = cpu_seconds(pids), time.process_time()
    begins_at = time.perf_counter() + 0.05

    async def one(number: int) -> float:
        due_at = begins_at + number / rate
        await asyncio.sleep(due_at - time.perf_counter())
        await caller.call(number)
        return (time.perf_counter() - due_at) * 1000

    try:
        latencies = await asyncio.gather(*(one(number) for number in range(count)))
    except (openai.APIError, ModelUnavailable) as error:
        raise BenchFailed(f"a request failed: {type(error).__name__}: {str(error)[:200]}") from error
    spent = cpu_seconds(pids) - cpu + time.process_time() - own_cpu
    return Round(latencies, spent / count * 1000)


async def _rounds(running: Servers, *, count: int, rate: float, times: int, report: Report) -> dict[str, Any]:
    """For each contender the medians over its rounds, or `{"error": why}`."""
    rounds: dict[str, list[Round]] = {}
    errors: dict[str, str] = dict(running.errors)
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(contender) for contender in contenders(running)]
        for number in range(times):
            for caller in (one for one in callers if one.name not in errors):
                try:
                    await _round(caller, count=WARM_UP, rate=rate)
                    await asyncio.sleep(SETTLE_SECONDS)
                    found = await _round(caller, count=count, rate=rate)
                except (BenchFailed, psutil.Error) as error:
                    errors[caller.name] = str(error)
                    continue
                rounds.setdefault(caller.name, []).append(found)
                report(f"round {number + 1}, {caller.name}: p50 {found.percentile(50):.1f} ms")
    return summary(rounds) | {name: {"error": why} for name, why in errors.items()}


def summary(rounds: Mapping[str, Sequence[Round]]) -> dict[str, Any]:
    """Medians over the rounds of each percentile and of what it exceeds the bare client's by in the same round."""
    found: dict[str, Any] = {}
    bare = rounds.get("bare_client", ())
    for name, own in rounds.items():
        figures: dict[str, Any] = {}
        for share in PERCENTILES:
            figures[f"p{share}_ms"] = _median([one.percentile(share) for one in own])
            if name != "bare_client" and bare:
                over = [one.percentile(share) - other.percentile(share) for one, other in zip(own, bare, strict=False)]
                figures[f"overhead_p{share}_ms"] = _median(over)
        figures["cpu_ms_per_request"] = _median([one.cpu_ms_per_request for one in own])
        found[name] = figures | {"rounds": len(own)}
    return found


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 2)


def bench_gateway(
    environ: Mapping[str, str], *, rate: float, requests: int, times: int, report: Report
) -> dict[str, Any]:
    """All contenders at `rate` requests a second, `requests` in each of `times` rounds.

    Raises:
        BenchFailed: the model's server or Redis does not start.
    """
    with servers(environ, report) as running:
        found = asyncio.run(_rounds(running, count=requests, rate=rate, times=times, report=report))
    load = {"rate_per_second": rate, "requests": requests, "model_ms": MODEL_MS, "cpus": psutil.cpu_count()}
    return load | found
