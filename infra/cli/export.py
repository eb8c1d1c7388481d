"""`handrail export feedback`: training records as files for the data team."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console

from contracts.events import FeedbackRecorded
from infra.cli.stack import plain_problems
from infra.stack.problems import StackProblem
from services.feedback.adapters import PostgresRecordReader
from shared.database import sync_engine
from shared.failures import DependencyDown
from shared.settings import Settings

app = typer.Typer(help="Data sets for the data team.", no_args_is_help=True)
ROWS_AT_ONCE = 500

SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("tenant", pa.string()),
        ("turn", pa.int32()),
        ("recorded_at", pa.timestamp("us", tz="UTC")),
        ("subject", pa.string()),
        ("body", pa.string()),
        ("language", pa.string()),
        ("intent", pa.string()),
        ("intent_probability", pa.float64()),
        ("out_of_scope", pa.float64()),
        ("flags", pa.list_(pa.string())),
        ("evidence_ids", pa.list_(pa.string())),
        ("drafter", pa.string()),
        ("model", pa.string()),
        ("draft", pa.string()),
        ("final", pa.string()),
        ("action", pa.string()),
        ("decided_by", pa.string()),
        ("reviewer", pa.string()),
        ("reason_code", pa.string()),
        ("confidence", pa.float64()),
        ("verdict", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("cost_usd", pa.float64()),
        ("policy_version", pa.string()),
        ("trace_id", pa.string()),
        ("record", pa.string()),
    ]
)


class Format(StrEnum):
    """How the records are written."""

    jsonl = "jsonl"
    parquet = "parquet"


@app.callback()
def export() -> None:
    """Data sets for the data team."""


@app.command()
def feedback(
    out: Annotated[Path, typer.Option(help="The folder to write to; it is made where it is missing.")],
    file_format: Annotated[Format, typer.Option("--format")] = Format.jsonl,
    since: Annotated[str, typer.Option(help="An ISO instant or date, or a span such as 7d or 12h.")] = "30d",
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's records.")] = None,
) -> None:
    """Write one self-contained record per decided case: whole events as JSON lines, or columns as Parquet."""
    with plain_problems():
        instant = parse_since(since, datetime.now(UTC))
        out.mkdir(parents=True, exist_ok=True)
        engine = sync_engine(Settings(), "export", pool_size=1)
        records = PostgresRecordReader(engine).since(instant, tenant)
        path = out / f"feedback.{file_format}"
        try:
            count = _write_jsonl(path, records) if file_format is Format.jsonl else _write_parquet(path, records)
        except DependencyDown as error:
            raise StackProblem(f"{error}: start the stack by 'handrail up'.") from error
        finally:
            engine.dispose()
        Console(stderr=True).print(f"{count} records in {path}", markup=False)


def parse_since(since: str, now: datetime) -> datetime:
    """The instant that `since` means: an ISO date or instant (UTC where none is said), or a span before `now`.

    Raises:
        StackProblem: it is neither.
    """
    units = {"d": "days", "h": "hours", "m": "minutes"}
    try:
        if since[:-1].isdecimal() and since[-1:] in units:
            return now - timedelta(**{units[since[-1]]: int(since[:-1])})
        instant = datetime.fromisoformat(since)
    except (ValueError, OverflowError) as error:
        raise StackProblem(f"{since!r} is no date, instant or span: try 2026-11-01 or 7d.") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _write_jsonl(path: Path, records: Iterator[FeedbackRecorded]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(record.model_dump_json() + "\n")
            count += 1
    return count


def _write_parquet(path: Path, records: Iterator[FeedbackRecorded]) -> int:
    count = 0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        while rows := [row_of(record) for record in islice(records, ROWS_AT_ONCE)]:
            writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
            count += len(rows)
    return count


def row_of(record: FeedbackRecorded) -> dict[str, object]:
    """The columns of one record; `record` is the whole event as JSON."""
    intents = record.classification.intents
    return {
        "case_id": str(record.case_id),
        "tenant": record.tenant,
        "turn": record.turn,
        "recorded_at": record.occurred_at,
        "subject": record.ticket.subject,
        "body": record.ticket.body,
        "language": record.classification.language,
        "intent": record.classification.intent,
        "intent_probability": intents[0].probability if intents else None,
        "out_of_scope": record.classification.out_of_scope,
        "flags": [flag.flag for flag in record.classification.flags],
        "evidence_ids": [evidence.evidence_id for evidence in record.context.evidence],
        "drafter": record.draft.drafter,
        "model": record.draft.model,
        "draft": record.draft.text,
        "final": record.decision.final_text,
        "action": record.decision.action,
        "decided_by": record.decided_by,
        "reviewer": record.decision.reviewer,
        "reason_code": record.decision.reason_code,
        "confidence": record.validation.confidence,
        "verdict": record.validation.verdict,
        "input_tokens": record.draft.usage.input_tokens,
        "output_tokens": record.draft.usage.output_tokens,
        "cost_usd": record.draft.usage.cost_usd,
        "policy_version": record.validation.policy_version,
        "trace_id": record.trace_id,
        "record": record.model_dump_json(),
    }
