"""The bench of the pipeline: who runs, how often, in which order, and on which servers."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from aiokafka.errors import KafkaError

from infra.bench.contenders import BareAiokafka, CeleryChain, Contender, HandrailEmpty
from infra.bench.measure import Sample, sample, summary
from infra.bench.problems import BenchFailed
from infra.bench.whole_system import WholeSystem
from infra.stack.problems import StackProblem
from infra.stack.programs import FAKE_HELPDESK, PROGRAMS
from infra.stack.stack import Stack

WARM_UP = 200
WHOLE_WARM_UP = 20
WHOLE_TICKETS_MAX = 300
PLUMBING: tuple[Contender, ...] = (BareAiokafka(), CeleryChain(), HandrailEmpty())

Report = Callable[[str], None]


async def rounds(
    contenders: Sequence[Contender], stack: Stack, *, count: int, warm_up: int, times: int, report: Report
) -> dict[str, Any]:
    """Measures the contenders in turn, `times` times over, so that a change of the machine's load meets all of them.

    Returns: for each contender its `measure.summary`, or `{"error": why}`.
    """
    for noisy in ("aiokafka", "faststream"):
        # Fresh topics have no leader for a moment; the clients say so loudly and try again.
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    environ = {**stack.environ, **stack.environment()}
    brokers = {process.name: process.pid or None for process in (await asyncio.to_thread(stack.status)).processes}
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    errors: dict[str, str] = {}
    for number in range(times):
        for contender in (one for one in contenders if one.name not in errors):
            try:
                broker = brokers.get(contender.broker)
                found = await sample(contender, environ, broker, count=count, warm_up=warm_up)
            except (BenchFailed, KafkaError, psutil.Error) as error:
                errors[contender.name] = f"{error}"
                continue
            samples[contender.name].append(found)
            report(
                f"round {number + 1}, {contender.name}: {found.tickets_per_second:.0f} tickets/s, "
                f"{found.cpu_ms_per_ticket:.1f} CPU ms a ticket"
            )
    return {
        name: {"error": errors[name]} if name in errors else summary(found) | {"tickets": count}
        for name, found in samples.items()
    }


def plumbing(home: Path, environ: Mapping[str, str], *, count: int, times: int, report: Report) -> dict[str, Any]:
    """Handrail without its work, and its peers, on servers that are started for it.

    Raises:
        StackProblem: the servers do not start.
    """
    stack = Stack(home, servers_only=True, environ=environ, report=report)
    stack.up(attached=True)
    try:
        found = asyncio.run(rounds(PLUMBING, stack, count=count, warm_up=WARM_UP, times=times, report=report))
        return found | {"broker": _broker(stack)}
    finally:
        stack.down()


def whole(home: Path, environ: Mapping[str, str], *, count: int, times: int, report: Report) -> dict[str, Any]:
    """Handrail with its real work, on a stack of its own; `{"error": why}` where it does not start."""
    if environ.get("HANDRAIL_DATABASE_URL"):
        return {"error": "not run, because its tickets would stay in the database of HANDRAIL_DATABASE_URL"}
    stack = Stack(home, programs=(*PROGRAMS, FAKE_HELPDESK), environ=environ, report=report)
    count = min(count, WHOLE_TICKETS_MAX)
    try:
        stack.up(attached=True)
    except StackProblem as problem:
        return {"error": str(problem)}
    try:
        system = WholeSystem(stack)
        found = asyncio.run(rounds([system], stack, count=count, warm_up=WHOLE_WARM_UP, times=times, report=report))
        return dict(found[system.name])
    finally:
        stack.down()


def _broker(stack: Stack) -> str:
    return next((process.title for process in stack.status().processes if process.name == "kafka"), "given by URL")


def bench_pipeline(home: Path, environ: Mapping[str, str], *, count: int, times: int, report: Report) -> dict[str, Any]:
    """All four, with the ratios that matter. The servers run below `home`, apart from those of the installation.

    Raises:
        StackProblem: the servers do not start.
    """
    found = plumbing(home, environ, count=count, times=times, report=report)
    found["handrail"] = whole(home, environ, count=count, times=times, report=report)
    return found | {"ratios": ratios(found), "cpus": psutil.cpu_count()}


def ratios(found: Mapping[str, Any]) -> dict[str, float]:
    """Handrail's empty stages compared with its peers; a peer that failed is left out."""
    own, compared = found["handrail_empty"], {}
    for peer in ("celery_chain", "bare_aiokafka"):
        for field in ("tickets_per_second", "cpu_ms_per_ticket"):
            if field in own and field in found[peer]:
                compared[f"{field}_to_{peer}"] = round(own[field] / found[peer][field], 2)
    return compared
