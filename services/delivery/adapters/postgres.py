"""Intents to send in PostgreSQL: asyncio for the consumer, threads for the Celery tasks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.events import AnswerDelivered, AnswerReleased
from services.delivery.ports import Sending
from services.delivery.rules import Attempted, Next
from shared.database import database_errors_sync
from shared.envelope import encode
from shared.transaction import INSERT_OUTBOX, PostgresWork, Transactions, outbox_row

SCHEMA = "delivery"


@dataclass(frozen=True, slots=True)
class PostgresIntentWork:
    """One transaction of the consumer on the schema `delivery`."""

    work: PostgresWork

    @property
    def is_new(self) -> bool:
        """See the port."""
        return self.work.is_new

    async def intend(self, released: AnswerReleased, traceparent: str) -> None:
        """One insert; the case's id is unique."""
        await self.work.connection.execute(
            text(
                "INSERT INTO delivery.sending (case_id, tenant, released, traceparent, status)"
                " VALUES (:case_id, :tenant, CAST(:released AS jsonb), :traceparent, 'pending') ON CONFLICT DO NOTHING"
            ),
            {
                "case_id": released.case_id,
                "tenant": released.tenant,
                "released": released.model_dump_json(),
                "traceparent": traceparent,
            },
        )


class PostgresIntents:
    """Delivery's state for the consumer; see the port."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._transactions = Transactions(engine, SCHEMA, SCHEMA)

    @asynccontextmanager
    async def begin(self, event: AnswerReleased) -> AsyncIterator[PostgresIntentWork]:
        """See the port."""
        async with self._transactions.begin(event) as work:
            yield PostgresIntentWork(work)


class PostgresSendings:
    """Delivery's state for threads; see the port."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, case_id: UUID, lease_seconds: float) -> Sending | None:
        """One conditional update: of two workers one gets the row."""
        with database_errors_sync(), self._engine.begin() as connection:
            row = connection.execute(
                text(
                    "UPDATE delivery.sending SET status = 'sending', attempts = attempts + 1, updated_at = now(),"
                    " next_try_at = now() + make_interval(secs => :lease)"
                    " WHERE case_id = :case_id AND status IN ('pending', 'sending') AND next_try_at <= now()"
                    " RETURNING released, traceparent, attempts"
                ),
                {"case_id": case_id, "lease": lease_seconds},
            ).one_or_none()
        if row is None:
            return None
        released = AnswerReleased.model_validate(row.released)
        return Sending(released=released, traceparent=row.traceparent, attempts=row.attempts)

    def report(self, sending: Sending, attempted: Attempted, then: Next, event: AnswerDelivered | None) -> None:
        """The guard on `attempts` keeps a worker that was taken over from reporting late."""
        with database_errors_sync(), self._engine.begin() as connection:
            updated = connection.execute(
                text(
                    "UPDATE delivery.sending SET status = :status, receipt = :receipt, error = :error,"
                    " next_try_at = now() + make_interval(secs => :pause), updated_at = now()"
                    " WHERE case_id = :case_id AND status = 'sending' AND attempts = :attempts"
                ),
                {
                    "case_id": sending.released.case_id,
                    "attempts": sending.attempts,
                    "status": then.status,
                    "receipt": attempted.receipt[:500],
                    "error": attempted.error[:500],
                    "pause": then.pause_seconds,
                },
            )
            if event is not None and updated.rowcount == 1:
                row = outbox_row(encode(event, service=SCHEMA))
                connection.execute(text(INSERT_OUTBOX.format(schema=SCHEMA)), row)

    def due(self, limit: int) -> list[UUID]:
        """By the partial index on what is open."""
        with database_errors_sync(), self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT case_id FROM delivery.sending WHERE status IN ('pending', 'sending')"
                    " AND next_try_at <= now() ORDER BY next_try_at LIMIT :limit"
                ),
                {"limit": limit},
            )
            return [row.case_id for row in rows]
