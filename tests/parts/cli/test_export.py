"""Training records as files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import orjson
import pyarrow.parquet as pq
import pytest

from contracts.events import FeedbackRecorded
from contracts.examples import example, example_files
from infra.cli import export
from infra.cli.export import parse_since, row_of
from infra.stack.problems import StackProblem
from tests.fakes.clock import NOON

RECORDS = [example(FeedbackRecorded, file.stem) for file in example_files(FeedbackRecorded.topic)]


class TestSince:
    @pytest.mark.parametrize(
        ("since", "instant"),
        [
            ("7d", NOON - timedelta(days=7)),
            ("12h", NOON - timedelta(hours=12)),
            ("90m", NOON - timedelta(minutes=90)),
            ("0d", NOON),
            ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
            ("2026-01-31T08:30:00", datetime(2026, 1, 31, 8, 30, tzinfo=UTC)),
            ("2026-01-31T08:30:00+02:00", datetime(2026, 1, 31, 6, 30, tzinfo=UTC)),
            ("2026-01-31T08:30:00Z", datetime(2026, 1, 31, 8, 30, tzinfo=UTC)),
        ],
    )
    def test_a_span_a_date_or_an_instant(self, since: str, instant: datetime) -> None:
        assert parse_since(since, NOON) == instant

    @pytest.mark.parametrize(
        "since", ["", "d", "7", "7w", "-7d", "1.5d", "yesterday", "2026-13-01", "99999999999999d", "9999999d", "²d"]
    )
    def test_anything_else_is_refused_in_a_sentence(self, since: str) -> None:
        with pytest.raises(StackProblem, match="7d"):
            parse_since(since, NOON)


class TestRows:
    @pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.ticket.external_id)
    def test_a_row_has_the_columns_of_the_schema_and_the_whole_record(self, record: FeedbackRecorded) -> None:
        row = row_of(record)

        assert set(row) == set(export.SCHEMA.names)
        assert FeedbackRecorded.model_validate_json(str(row["record"])) == record
        assert (row["draft"], row["final"]) == (record.draft.text, record.decision.final_text)
        assert (row["action"], row["decided_by"]) == (record.decision.action, record.decided_by)

    def test_a_record_without_an_intent_has_none(self) -> None:
        record = RECORDS[0]
        unknown = record.model_copy(update={"classification": record.classification.model_copy(update={"intents": ()})})

        assert (row_of(unknown)["intent"], row_of(unknown)["intent_probability"]) == (None, None)


class TestFiles:
    def test_json_lines_hold_whole_events(self, tmp_path: Path) -> None:
        path = tmp_path / "feedback.jsonl"

        assert export._write_jsonl(path, iter(RECORDS)) == len(RECORDS)
        lines = path.read_bytes().splitlines()
        assert [FeedbackRecorded.model_validate(orjson.loads(line)) for line in lines] == RECORDS

    def test_parquet_holds_one_row_for_each_record_over_several_portions(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export, "ROWS_AT_ONCE", 3)
        records = [RECORDS[0].model_copy(update={"case_id": uuid4()}) for _ in range(7)]
        path = tmp_path / "feedback.parquet"

        assert export._write_parquet(path, iter(records)) == 7
        table = pq.read_table(path)
        assert table.schema.equals(export.SCHEMA)
        assert table.column("case_id").to_pylist() == [str(record.case_id) for record in records]
        assert table.column("recorded_at").to_pylist()[0] == records[0].occurred_at

    def test_no_records_are_a_file_without_rows(self, tmp_path: Path) -> None:
        path = tmp_path / "feedback.parquet"
        assert export._write_parquet(path, iter([])) == 0
        assert pq.read_table(path).num_rows == 0
