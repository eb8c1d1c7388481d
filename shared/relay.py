"""Moves committed outbox rows to Kafka, in the order in which they were written, and deletes them there."""

import asyncio
from typing import Any

import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import metrics
from shared.database import database_errors
from shared.envelope import W3C, Message
from shared.failures import DependencyDown, Retryable
from shared.stage import Publish
from shared.telemetry import tracer

log = structlog.get_logger(__name__)

BATCH_ROWS = 200
POLL_SECONDS = 0.02
POLL_SECONDS_IDLE = 0.2
PAUSE_SECONDS = 1.0


class Relay:
    """One relay per schema: replicas compete for an advisory lock, so that a key's order is kept.

    Why not a library: `faststream-outbox` handles each row as a message of its own queue, with several times the work
    per row, and its workers give up the order; see decision record 0006.
    """

    def __init__(self, engine: AsyncEngine, schema: str, publish: Publish) -> None:
        self._engine = engine
        self._schema = schema
        self._publish = publish

    async def run(self) -> None:
        """This function will relay until it is cancelled, whatever happens to PostgreSQL or Kafka meanwhile."""
        while True:
            try:
                async with database_errors(), self._engine.connect() as connection:
                    await self._relay_while_leader(connection)
            except (DependencyDown, Retryable) as error:
                log.warning("outbox waits", schema=self._schema, error=str(error))
            except Exception:
                log.exception("outbox relay failed", schema=self._schema)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _relay_while_leader(self, connection: AsyncConnection) -> None:
        lock = text("SELECT pg_try_advisory_lock(hashtextextended('handrail-outbox:' || :schema, 0))")
        leads = bool((await connection.execute(lock, {"schema": self._schema})).scalar())
        await connection.commit()
        pause = POLL_SECONDS
        while leads:
            moved = await self.relay_once(connection)
            pause = POLL_SECONDS if moved else min(POLL_SECONDS_IDLE, pause * 1.5)
            if moved < BATCH_ROWS:
                await asyncio.sleep(pause)

    async def relay_once(self, connection: AsyncConnection) -> int:
        """One batch; the number of rows moved. A crash between publication and deletion repeats rows, same ids."""
        select = text(
            f"SELECT id, topic, key, headers, body, extract(epoch FROM now() - created_at) AS waited"
            f" FROM {self._schema}.outbox ORDER BY id LIMIT {BATCH_ROWS}"
        )
        rows = (await connection.execute(select)).all()
        if rows:
            await asyncio.gather(*(self._send(row) for row in rows))
            await connection.execute(
                text(f"DELETE FROM {self._schema}.outbox WHERE id = ANY(:ids)"),
                {"ids": [row.id for row in rows]},
            )
        await connection.commit()
        return len(rows)

    async def _send(self, row: "Row[Any]") -> None:
        headers: dict[str, str] = dict(row.headers)
        with tracer.start_as_current_span(
            f"send {row.topic}",
            context=W3C.extract(headers),
            kind=SpanKind.PRODUCER,
            attributes={"messaging.system": "kafka", "messaging.destination.name": row.topic},
        ):
            W3C.inject(headers)
            await self._publish(Message(row.topic, row.key, headers, bytes(row.body)))
        labels = {"messaging.destination.name": row.topic}
        metrics.OUTBOX_WAIT.record(float(row.waited), labels)
        metrics.SENT.add(1, labels)
