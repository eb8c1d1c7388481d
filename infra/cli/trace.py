"""`handrail trace`: the waterfall of one case, the linked review and delivery included."""

import json
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import text

from infra.cli.stack import Json, plain_problems
from infra.stack.problems import StackProblem
from shared.database import database_errors_sync, sync_engine
from shared.failures import DependencyDown
from shared.settings import Settings
from shared.trace_files import SpanRecord, read_trace

BAR_COLUMNS = 40


def trace(case_id: Annotated[str, typer.Argument(help="The id of a case.")], as_json: Json = False) -> None:
    """Show what happened to one case, from the webhook to the delivery or the review."""
    with plain_problems(as_json):
        spans = read_trace(Settings().home, _trace_id(case_id))
        if not spans:
            raise StackProblem("The spans of this case are not kept here: they were sent to a collector, or are gone.")
        if as_json:
            typer.echo(json.dumps({"spans": [_plain(span) for span in spans]}))
        else:
            Console(highlight=False).print(_waterfall(spans))


def _trace_id(case_id: str) -> str:
    try:
        wanted = UUID(case_id)
    except ValueError as error:
        raise StackProblem(f"{case_id[:60]} is no case id: it looks like 0a1b2c3d-….") from error
    engine = sync_engine(Settings(), "trace", pool_size=1)
    query = text(
        "SELECT trace_id FROM escalation.case_state WHERE case_id = :id"
        " UNION SELECT trace_id FROM intake.webhook WHERE case_id = :id LIMIT 1"
    )
    try:
        with database_errors_sync(), engine.connect() as connection:
            trace_id = connection.execute(query, {"id": wanted}).scalar()
    except DependencyDown as error:
        raise StackProblem(f"{error}: start the stack by 'handrail up'.") from error
    finally:
        engine.dispose()
    if not trace_id:
        raise StackProblem(f"There is no case {wanted}.")
    return str(trace_id)


def _plain(span: SpanRecord) -> dict[str, object]:
    return {
        "name": span.name,
        "service": span.service,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "linked_traces": list(span.links),
        "start_ns": span.start_ns,
        "seconds": span.seconds,
        "status": span.status,
        "attributes": span.attributes,
    }


def _waterfall(spans: list[SpanRecord]) -> Table:
    began, ended = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
    whole = max(1, ended - began)
    known = {span.span_id: span for span in spans}
    table = Table("span", "service", "starts s", "takes ms", "", box=None, pad_edge=False)
    for span in spans:
        first = int((span.start_ns - began) / whole * (BAR_COLUMNS - 1))
        length = max(1, round((span.end_ns - span.start_ns) / whole * BAR_COLUMNS))
        bar = Text(
            " " * first + "█" * min(length, BAR_COLUMNS - first), style="red" if span.status == "error" else "blue"
        )
        mark = "↳ " if span.links else ""
        table.add_row(
            Text("  " * _depth(span, known) + mark + span.name),
            span.service,
            f"{(span.start_ns - began) / 1e9:.3f}",
            f"{span.seconds * 1000:.1f}",
            bar,
        )
    return table


def _depth(span: SpanRecord, known: dict[str, SpanRecord]) -> int:
    depth = 0
    while span.parent_id in known and depth < 30:
        span = known[span.parent_id]
        depth += 1
    return depth
