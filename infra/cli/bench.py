"""`handrail bench`: figures about Handrail, each beside peers that were measured in the same run."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from infra.bench.gateway import bench_gateway
from infra.bench.pipeline import bench_pipeline
from infra.bench.problems import BenchFailed
from infra.cli.stack import Json, err, out, plain_problems
from infra.evaluation.data import DataUnreadable
from infra.stack.home import Home
from infra.stack.problems import StackProblem

INGESTED_MIN, CHUNKS_MAX = 200, 1_000_000

app = typer.Typer(help="Measure Handrail beside its peers.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure Handrail beside its peers."""


@app.command()
def pipeline(
    as_json: Json = False,
    tickets: Annotated[int, typer.Option(help="Tickets in each measured window.", min=50, max=20_000)] = 1000,
    rounds: Annotated[int, typer.Option(help="How often each contender runs; medians are taken.", min=1, max=20)] = 3,
) -> None:
    """Tickets per second and CPU per ticket: Handrail, its plumbing alone, bare aiokafka, and a Celery chain.

    It runs on servers of its own, below HANDRAIL_HOME/bench, unless they are given by URL.
    """
    home = Home.of(os.environ).path / "bench"
    with plain_problems(as_json):
        found = bench_pipeline(home, os.environ, count=tickets, times=rounds, report=_report)
    if as_json:
        typer.echo(json.dumps(found))
    else:
        _show(found)


@app.command()
def gateway(
    as_json: Json = False,
    rate: Annotated[float, typer.Option(help="Requests a second.", min=1, max=1000)] = 25.0,
    requests: Annotated[int, typer.Option(help="Requests in each measured window.", min=50, max=20_000)] = 300,
    rounds: Annotated[int, typer.Option(help="How often each contender runs; medians are taken.", min=1, max=20)] = 3,
) -> None:
    """What a call of a model takes through the gateway, the LiteLLM proxy, and the bare client, at a fixed rate.

    The model is a server on this machine that answers after 20 ms. The proxy is installed below HANDRAIL_CACHE.
    """
    with plain_problems(as_json):
        try:
            found = bench_gateway(os.environ, rate=rate, requests=requests, times=rounds, report=_report)
        except BenchFailed as failure:
            raise StackProblem(f"{failure}.") from failure
    if as_json:
        typer.echo(json.dumps(found))
    else:
        _show_gateway(found)


def _show_gateway(found: dict[str, Any]) -> None:
    table = Table("", "p50 ms", "p95 ms", "p99 ms", "over the bare client, p50 / p95 / p99", "CPU ms", box=None)
    for name in ("bare_client", "handrail", "handrail_replacing_personal_data", "litellm_proxy"):
        one = found.get(name, {"error": "not run"})
        if "error" in one:
            table.add_row(name, one["error"])
            continue
        shares = ("p50", "p95", "p99")
        cells = [f"{one[f'{share}_ms']:.1f}" for share in shares]
        over = " / ".join(f"{one[f'overhead_{share}_ms']:+.1f}" for share in shares) if name != "bare_client" else ""
        table.add_row(name, *cells, over, f"{one['cpu_ms_per_request']:.1f}")
    out.print(table)


@app.command()
def retrieval(
    as_json: Json = False,
    chunks: Annotated[str, typer.Option(help="Sizes of the corpus in passages, with commas.")] = "1000,30000,300000",
    data: Annotated[Path | None, typer.Option(help="A folder of corpus and queries to use.", exists=True)] = None,
) -> None:
    """Latency, room and rate of ingest as the corpus grows, beside full-text search with an exact scan of vectors.

    It runs on a PostgreSQL of its own, which is gone afterwards. 300,000 passages take a quarter of an hour and some
    gigabytes of disk. Passages of `--data` are embedded first, some 30 a second on two cores.
    """
    from infra.bench.retrieval import bench_retrieval  # noqa: PLC0415 (models take a second to import)

    with plain_problems(as_json):
        try:
            sizes = [int(size) for size in chunks.split(",")]
        except ValueError as error:
            raise StackProblem("--chunks needs numbers with commas, such as 1000,30000.") from error
        if not all(INGESTED_MIN <= size <= CHUNKS_MAX for size in sizes):
            raise StackProblem(f"--chunks takes sizes from {INGESTED_MIN} to {CHUNKS_MAX}.")
        try:
            found = bench_retrieval(sizes, data, _report)
        except DataUnreadable as error:
            raise StackProblem(f"{error}.") from error
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table("passages", "search, p50 / p95 ms", "embedding it too", "the peer", "disk MB", "memory MB", box=None)
    for size, one in found["sizes"].items():
        measured = (one, one["with_query_embedding"], one["full_text_search_and_exact_scan"])
        latencies = [f"{kind['p50_ms']} / {kind['p95_ms']}" for kind in measured]
        table.add_row(size, *latencies, str(one["disk_mb"]), str(one["memory_mb"]))
    out.print(table)


def _report(sentence: str) -> None:
    err.print(sentence, style="dim", markup=False)


def _show(found: dict[str, Any]) -> None:
    table = Table("", "tickets/s", "least - most", "CPU ms/ticket", "least - most", "broker's CPU ms", box=None)
    for name in ("handrail", "handrail_empty", "bare_aiokafka", "celery_chain"):
        one = found[name]
        if "error" in one:
            table.add_row(name, one["error"])
            continue
        cells = [name]
        for field in ("tickets_per_second", "cpu_ms_per_ticket"):
            cells += [f"{one[field]:.1f}", f"{one[f'{field}_min']:.1f} - {one[f'{field}_max']:.1f}"]
        table.add_row(*cells, str(one["broker_cpu_ms_per_ticket"]))
    out.print(table)
