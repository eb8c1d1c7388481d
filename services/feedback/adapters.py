"""Training records in PostgreSQL."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.events import FeedbackRecorded
from shared.database import database_errors, database_errors_sync

ROWS_AT_ONCE = 500


class PostgresRecords:
    """Writes to the table `feedback.record`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(self, record: FeedbackRecorded) -> None:
        """One insert; the case's id is unique."""
        async with database_errors(), self._engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO feedback.record (event_id, tenant, case_id, recorded_at, body)"
                    " VALUES (:event_id, :tenant, :case_id, :recorded_at, CAST(:body AS jsonb)) ON CONFLICT DO NOTHING"
                ),
                {
                    "event_id": record.event_id,
                    "tenant": record.tenant,
                    "case_id": record.case_id,
                    "recorded_at": record.occurred_at,
                    "body": record.model_dump_json(),
                },
            )


class PostgresRecordReader:
    """Reads the table `feedback.record` in bounded portions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def since(self, instant: datetime, tenant: str | None) -> Iterator[FeedbackRecorded]:
        """See the port."""
        query = text(
            "SELECT body FROM feedback.record WHERE recorded_at >= :instant"
            " AND (CAST(:tenant AS text) IS NULL OR tenant = :tenant) ORDER BY recorded_at, event_id"
        )
        with database_errors_sync(), self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(
                query, {"instant": instant, "tenant": tenant}
            )
            for row in rows:
                yield FeedbackRecorded.model_validate(row.body)
