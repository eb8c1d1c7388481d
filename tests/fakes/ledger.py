"""Intake's ledger in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from contracts.events import Event, conversation_id_of
from services.intake.ports import Conversation, Receipt
from tests.fakes.transaction import MemoryStore, MemoryWork

DeliveryKey = tuple[str, str, str]


class FakeLedgerWork:
    """See `services.intake.ports.LedgerWork`."""

    def __init__(self, ledger: "FakeLedger", work: MemoryWork, key: DeliveryKey) -> None:
        self._ledger = ledger
        self._work = work
        self._key = key
        self.earlier = ledger.receipts.get(key)
        if self.earlier is None:
            work.write(lambda: ledger.receipts.setdefault(key, Receipt(case_id=None, trace_id="")))

    async def conversation(self, tenant: str, source: str, external_id: str) -> Conversation:
        conversation_id = conversation_id_of(tenant, source, external_id)
        await self._work.lock(conversation_id)
        fresh = Conversation(
            conversation_id=conversation_id,
            tenant=tenant,
            source=source,
            external_id=external_id,
            turns=0,
            thread=(),
        )
        self._work.write(lambda: self._ledger.conversations.setdefault(conversation_id, fresh))
        return self._ledger.conversations.get(conversation_id, fresh)

    async def save(self, conversation: Conversation) -> None:
        self._work.write(lambda: self._ledger.conversations.update({conversation.conversation_id: conversation}))

    async def emit(self, event: Event) -> None:
        await self._work.emit(event)

    async def finish(self, receipt: Receipt) -> None:
        self._work.write(lambda: self._ledger.receipts.update({self._key: receipt}))


class FakeLedger(MemoryStore):
    """See `services.intake.ports.Ledger`."""

    def __init__(self) -> None:
        super().__init__("intake")
        self.receipts: dict[DeliveryKey, Receipt] = {}
        self.conversations: dict[UUID, Conversation] = {}

    @asynccontextmanager
    async def begin(self, tenant: str, source: str, delivery_id: str) -> AsyncIterator[FakeLedgerWork]:
        key = (tenant, source, delivery_id[:500])
        async with self.transaction(key) as work:
            yield FakeLedgerWork(self, work, key)
