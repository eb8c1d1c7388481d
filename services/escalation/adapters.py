"""Escalation's memory in PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.events import AnswerValidated, Event
from services.escalation.ports import CaseState
from shared.transaction import PostgresWork, Transactions

SCHEMA = "escalation"


@dataclass(frozen=True, slots=True)
class PostgresCaseWork:
    """One transaction on the schema `escalation`."""

    work: PostgresWork

    @property
    def is_new(self) -> bool:
        """See the port."""
        return self.work.is_new

    @property
    def _connection(self) -> AsyncConnection:
        return self.work.connection

    async def emit(self, event: Event) -> None:
        """Writes an outbox row."""
        await self.work.emit(event)

    async def latest_turn(self, event: Event) -> int:
        """One statement both learns of the event's turn and locks the conversation's row."""
        result = await self._connection.execute(
            text(
                "INSERT INTO escalation.conversation AS c (conversation_id, tenant, latest_turn)"
                " VALUES (:conversation_id, :tenant, :turn) ON CONFLICT (conversation_id)"
                " DO UPDATE SET latest_turn = greatest(c.latest_turn, excluded.latest_turn) RETURNING latest_turn"
            ),
            {"conversation_id": event.conversation_id, "tenant": event.tenant, "turn": event.turn},
        )
        return int(result.scalar_one())

    async def case(self, case_id: UUID) -> CaseState | None:
        """Locks the row."""
        result = await self._connection.execute(
            text(
                "SELECT validated, status, trace_id, due_at, delivery FROM escalation.case_state"
                " WHERE case_id = :case_id FOR UPDATE"
            ),
            {"case_id": case_id},
        )
        row = result.one_or_none()
        if row is None:
            return None
        return CaseState(
            validated=AnswerValidated.model_validate(row.validated),
            status=row.status,
            trace_id=row.trace_id,
            due_at=row.due_at,
            delivery=row.delivery,
        )

    async def save(self, case: CaseState) -> None:
        """Inserts or updates the row."""
        event = case.validated
        await self._connection.execute(
            text(
                "INSERT INTO escalation.case_state"
                " (case_id, tenant, conversation_id, turn, status, validated, trace_id, due_at, delivery)"
                " VALUES (:case_id, :tenant, :conversation_id, :turn, :status, CAST(:validated AS jsonb), :trace_id,"
                " :due_at, :delivery) ON CONFLICT (case_id) DO UPDATE SET status = excluded.status,"
                " due_at = excluded.due_at, delivery = excluded.delivery, updated_at = now()"
            ),
            {
                "case_id": event.case_id,
                "tenant": event.tenant,
                "conversation_id": event.conversation_id,
                "turn": event.turn,
                "status": case.status,
                "validated": event.model_dump_json(),
                "trace_id": case.trace_id,
                "due_at": case.due_at,
                "delivery": case.delivery,
            },
        )

    async def supersede(self, conversation_id: UUID, before_turn: int) -> int:
        """One update."""
        result = await self._connection.execute(
            text(
                "UPDATE escalation.case_state SET status = 'superseded', updated_at = now()"
                " WHERE conversation_id = :conversation_id AND turn < :turn"
                " AND status IN ('in_review', 'with_specialist')"
            ),
            {"conversation_id": conversation_id, "turn": before_turn},
        )
        return result.rowcount


class PostgresCaseBook:
    """Escalation's state in the schema `escalation`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._transactions = Transactions(engine, SCHEMA, "escalation")

    @asynccontextmanager
    async def begin(self, event: Event) -> AsyncIterator[PostgresCaseWork]:
        """See the port."""
        async with self._transactions.begin(event) as work:
            yield PostgresCaseWork(work)
