"""One message, one transaction: an inbox row, the effect, and outbox rows for what follows from it.

Together with derived event ids this makes at-least-once delivery effectively once (Richardson, *Microservices
Patterns*, "Transactional outbox" and "Idempotent consumer").
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.events import Event
from shared.database import database_errors
from shared.envelope import Message, encode


@dataclass(frozen=True, slots=True)
class PostgresWork:
    """A transaction of one owner; `connection` is for the owner's own tables."""

    connection: AsyncConnection
    schema: str
    service: str
    is_new: bool

    async def emit(self, event: Event) -> None:
        """Writes an outbox row, with the trace context of the current span."""
        await write_outbox(self.connection, self.schema, encode(event, service=self.service))


async def write_outbox(connection: AsyncConnection, schema: str, message: Message) -> None:
    """This function will add the message to the outbox of `schema` in the caller's transaction."""
    await connection.execute(text(INSERT_OUTBOX.format(schema=schema)), outbox_row(message))


INSERT_OUTBOX = (
    "INSERT INTO {schema}.outbox (event_id, topic, key, headers, body)"
    " VALUES (:event_id, :topic, :key, CAST(:headers AS jsonb), :body) ON CONFLICT (event_id) DO NOTHING"
)


def outbox_row(message: Message) -> dict[str, Any]:
    """The columns of an outbox row."""
    return {
        "event_id": message.headers["ce_id"],
        "topic": message.topic,
        "key": message.key,
        "headers": orjson.dumps(dict(message.headers)).decode(),
        "body": message.body,
    }


@dataclass(frozen=True, slots=True)
class Transactions:
    """Opens the transactions of one service in its schema."""

    engine: AsyncEngine
    schema: str
    service: str

    @asynccontextmanager
    async def begin(self, event: Event) -> AsyncIterator[PostgresWork]:
        """One transaction for one event, committed at the end of the block and rolled back on an exception.

        Raises:
            DependencyDown: PostgreSQL is not reachable.
            Retryable: a deadlock or lock.
        """
        async with database_errors(), self.engine.begin() as connection:
            inserted = await connection.execute(
                text(
                    f"INSERT INTO {self.schema}.inbox (consumer, event_id) VALUES (:consumer, :event_id)"
                    " ON CONFLICT DO NOTHING"
                ),
                {"consumer": f"{self.service}:{event.type}", "event_id": event.event_id},
            )
            yield PostgresWork(connection, self.schema, self.service, inserted.rowcount == 1)
