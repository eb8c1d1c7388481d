"""Commands that start, stop and show the stack on this machine."""

import contextlib
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Never

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.stack.doctor import examine
from infra.stack.problems import StackProblem
from infra.stack.stack import Stack
from infra.stack.status import StackStatus

app = typer.Typer()

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


@contextlib.contextmanager
def plain_problems(as_json: bool = False) -> Iterator[None]:
    """Turns every foreseeable problem into one sentence and exit code 1."""
    try:
        yield
    except (StackProblem, OSError) as error:
        sentence = str(error)
        if isinstance(error, OSError):
            place = f" ({error.filename})" if error.filename else ""
            sentence = f"The system refuses{place}: {error.strerror or error}."
        if as_json:
            typer.echo(json.dumps({"ok": False, "error": sentence}))
        else:
            err.print(sentence, style="red", markup=False)
        raise typer.Exit(1) from error


def _interrupt(number: int, frame: object) -> Never:
    raise KeyboardInterrupt


@app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is ready, and leave it running.")] = False,
    servers_only: Annotated[
        bool, typer.Option("--servers-only", help="Only Kafka, PostgreSQL and Redis, without Handrail.")
    ] = False,
) -> None:
    """Start everything on this machine; without --detach it runs until Ctrl-C."""
    began = time.monotonic()
    stack = Stack(servers_only=servers_only, report=lambda sentence: out.print(sentence, markup=False))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with plain_problems():
        try:
            stack.up(attached=not detach)
            _say_ready(stack, time.monotonic() - began)
            if not detach:
                out.print("Ctrl-C stops it.")
                stack.wait()
        except KeyboardInterrupt:
            out.print("Stopping …")
            # A second Ctrl-C must not leave half of it running; the stop is bounded in time.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            stack.down()
            out.print("Stopped.")


def _say_ready(stack: Stack, seconds: float) -> None:
    out.print(f"Ready after {seconds:.1f} s. Data and logs are in {stack.home.path}.", style="green", markup=False)
    for name in ("portal", "intake"):
        if name in stack.urls:
            out.print(f"{name}: {stack.urls[name]}", markup=False)


@app.command()
def down() -> None:
    """Stop everything that `up` started; the data stays."""
    with plain_problems():
        typer.echo("Stopped." if Stack().down() else "Nothing was running.")


@app.command()
def status(as_json: Json = False) -> None:
    """Show each process: whether it runs and answers, where, and its memory."""
    with plain_problems(as_json):
        found = Stack().status()
        if as_json:
            typer.echo(json.dumps(found.as_dict()))
        else:
            _show(found)


def _show(found: StackStatus) -> None:
    if not found.running:
        out.print(f"The stack in {found.home} is not running; 'handrail up' starts it.", markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "state", "url", "MB", "up s"):
        table.add_column(column, justify="right" if column in ("MB", "up s") else "left", overflow="fold")
    for process in found.processes:
        table.add_row(
            process.title,
            process.state.lower() if process.healthy else f"[red]{process.state.lower()}, no answer[/red]",
            process.url,
            f"{process.memory_mb:.0f}",
            f"{process.uptime_seconds:.0f}",
        )
    out.print(table)
    if found.notice:
        out.print(found.notice, markup=False)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what this machine lacks to run Handrail, and how to get it."""
    with plain_problems(as_json):
        findings = examine(Stack())
    fine = all(finding.level != "problem" for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": fine, "findings": [asdict(finding) for finding in findings]}))
    else:
        colours = {"ok": "green", "warning": "yellow", "problem": "red"}
        for finding in findings:
            out.print(f"[{colours[finding.level]}]{finding.level:8}[/] {escape(finding.sentence)}")
    if not fine:
        raise typer.Exit(1)
