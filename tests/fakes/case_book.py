"""Escalation's memory of cases, in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from contracts.events import Event
from services.escalation.ports import OPEN, CaseState
from tests.fakes.transaction import MemoryStore, MemoryWork


class FakeCaseWork:
    """See `services.escalation.ports.CaseWork`."""

    def __init__(self, book: "FakeCaseBook", work: MemoryWork, is_new: bool) -> None:
        self._book = book
        self._work = work
        self.is_new = is_new
        self._cases: dict[UUID, CaseState] = {}
        self._turns: dict[UUID, int] = {}

    async def emit(self, event: Event) -> None:
        await self._work.emit(event)

    async def latest_turn(self, event: Event) -> int:
        await self._work.lock(event.conversation_id)
        known = self._turns.get(event.conversation_id, self._book.turns.get(event.conversation_id, 0))
        latest = self._turns[event.conversation_id] = max(known, event.turn)
        self._work.write(lambda: self._book.turns.update({event.conversation_id: latest}))
        return latest

    async def case(self, case_id: UUID) -> CaseState | None:
        await self._work.lock(case_id)
        return self._cases.get(case_id, self._book.cases.get(case_id))

    async def save(self, case: CaseState) -> None:
        case_id = case.validated.case_id
        await self._work.lock(case_id)
        kept = self._cases.get(case_id, self._book.cases.get(case_id))
        if kept is not None:
            case = replace(kept, status=case.status, due_at=case.due_at, delivery=case.delivery)
        self._cases[case_id] = case
        self._work.write(lambda: self._book.cases.update({case_id: case}))

    async def supersede(self, conversation_id: UUID, before_turn: int) -> int:
        seen = {**self._book.cases, **self._cases}
        older = [
            case
            for case in seen.values()
            if case.validated.conversation_id == conversation_id
            and case.validated.turn < before_turn
            and case.status in OPEN
        ]
        for case in older:
            await self.save(replace(case, status="superseded"))
        return len(older)


class FakeCaseBook(MemoryStore):
    """See `services.escalation.ports.CaseBook`."""

    def __init__(self) -> None:
        super().__init__("escalation")
        self.cases: dict[UUID, CaseState] = {}
        self.turns: dict[UUID, int] = {}
        self._handled: set[tuple[str, UUID]] = set()

    @asynccontextmanager
    async def begin(self, event: Event) -> AsyncIterator[FakeCaseWork]:
        key = (event.type, event.event_id)
        async with self.transaction(key) as work:
            work.write(lambda: self._handled.add(key))
            yield FakeCaseWork(self, work, key not in self._handled)
