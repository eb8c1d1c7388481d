"""`handrail bench`: figures about Handrail, each beside peers that were measured in the same run."""

import json
import os
from typing import Annotated, Any

import typer
from rich.table import Table

from infra.bench.pipeline import bench_pipeline
from infra.cli.stack import Json, err, out, plain_problems
from infra.stack.home import Home

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
