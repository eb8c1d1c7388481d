"""`handrail eval`: quality on labelled data, through the same code that serves tickets."""

import importlib
import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import track
from rich.table import Table

from infra.cli.stack import Json, err, out, plain_problems
from infra.evaluation.data import DataUnreadable
from infra.stack.problems import StackProblem
from shared.gateway import TiersInvalid

app = typer.Typer(help="Measure quality on labelled data.", no_args_is_help=True)

T = TypeVar("T")


class Policy(StrEnum):
    """Which drafters are asked."""

    EXTRACTIVE = "extractive"
    CASCADE = "cascade"
    ALWAYS_LAST = "always-last"


Report = Annotated[Path | None, typer.Option(help="Also write a Markdown report with plots into this folder.")]
Folder = Annotated[Path, typer.Option("--data", help="The folder of the data set.", exists=True)]
File = Annotated[Path, typer.Option("--data", help="The file of the data set.", exists=True)]


@app.callback()
def evaluate() -> None:
    """Measure quality on labelled data."""


@app.command()
def intent(data: Folder, as_json: Json = False, report: Report = None) -> None:
    """Train on train.jsonl as for a pack, and classify test.jsonl as tickets are."""
    _run("intent", as_json, report, data=data)


@app.command()
def retrieval(data: Folder, as_json: Json = False, report: Report = None) -> None:
    """Ingest the corpus as knowledge, and search for each query as for a ticket."""
    _run("retrieval", as_json, report, data=data)


@app.command()
def groundedness(data: File, as_json: Json = False, report: Report = None) -> None:
    """Judge whether each answer is supported by its source, as validation does."""
    _run("groundedness", as_json, report, data=data)


@app.command()
def injection(data: File, as_json: Json = False, report: Report = None) -> None:
    """Judge whether each text tries to give a model orders."""
    _run("injection", as_json, report, data=data)


@app.command()
def mood(data: File, as_json: Json = False, report: Report = None) -> None:
    """Tell how urgent each text is to its writer, and in which mood it was written."""
    _run("mood", as_json, report, data=data)


@app.command()
def pii(data: File, as_json: Json = False, report: Report = None) -> None:
    """Find the personal data in each text."""
    _run("pii", as_json, report, data=data)


@app.command()
def answers(
    data: Annotated[Path, typer.Option("--data", help="A file of questions with passages, or a folder.", exists=True)],
    policy: Annotated[Policy, typer.Option(help="Which drafters are asked.")] = Policy.EXTRACTIVE,
    sample: Annotated[int | None, typer.Option(min=1, help="Ask this many, the same at each call.")] = None,
    as_json: Json = False,
    report: Report = None,
) -> None:
    """Draft and check an answer to each question, and compare it with the one that is known."""
    _run("answers", as_json, report, data=data, policy=policy.value, sample=sample)


def _run(kind: str, as_json: bool, report: Path | None, **options: Any) -> None:
    module = importlib.import_module(f"infra.evaluation.{kind}")
    with plain_problems(as_json):
        try:
            found = module.evaluate(progress=_bar, **options)
        except (DataUnreadable, TiersInvalid) as error:
            raise StackProblem(f"{error}.") from error
        if report is not None:
            from infra.evaluation.report import write_report  # noqa: PLC0415 (plots take a second to import)

            command = shlex.join(["handrail", *sys.argv[1:]])
            page = write_report(f"Evaluation of {kind}", command, found, report)
            err.print(f"Report: {page}", markup=False)
    if as_json:
        typer.echo(json.dumps(dict(found.figures)))
        return
    table = Table("figure", "value", box=None)
    for name, value in found.figures.items():
        table.add_row(name, json.dumps(value))
    out.print(table)


def _bar(items: Sequence[T], doing: str) -> Iterable[T]:
    return track(items, description=doing, console=err, total=len(items))
