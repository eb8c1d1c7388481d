"""What the in-memory stores share: one lock per row, an outbox, and a commit that happens whole or not at all."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager

from contracts.events import Event
from shared.envelope import Message, encode
from shared.failures import DependencyDown


class MemoryOutbox:
    """Messages that are committed and wait for their publication; one that waits already is not added again."""

    def __init__(self) -> None:
        self.rows: list[Message] = []

    def add(self, message: Message) -> None:
        """Adds a row."""
        if message.headers["ce_id"] not in {row.headers["ce_id"] for row in self.rows}:
            self.rows.append(message)

    def drain(self) -> list[Message]:
        """Takes all rows out, as the relay does."""
        rows, self.rows = self.rows, []
        return rows


class MemoryWork:
    """One transaction: what it writes is kept aside until the commit, the rows it touches stay locked until then."""

    def __init__(self, store: "MemoryStore", locks: AsyncExitStack) -> None:
        self._store = store
        self._locks = locks
        self._held: set[Hashable] = set()
        self._writes: list[Callable[[], None]] = []

    async def lock(self, row: Hashable) -> None:
        """Waits until no other transaction has the row."""
        if row not in self._held:
            self._held.add(row)
            await self._locks.enter_async_context(self._store.locks[row])

    def write(self, change: Callable[[], None]) -> None:
        """Has `change` made at the commit."""
        self._writes.append(change)

    async def emit(self, event: Event) -> None:
        """Has the event in the outbox at the commit; the envelope is made here, inside the handler's span."""
        message = encode(event, service=self._store.service)
        self.write(lambda: self._store.outbox.add(message))

    def commit(self) -> None:
        """Makes all changes."""
        for change in self._writes:
            change()


class MemoryStore:
    """A store that can be unreachable, and whose transactions lock rows."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.outbox = MemoryOutbox()
        self.locks: defaultdict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.is_reachable = True

    def check_reachable(self) -> None:
        """Raises DependencyDown where the test has taken the store away."""
        if not self.is_reachable:
            raise DependencyDown("the store is not reachable")

    @asynccontextmanager
    async def transaction(self, first_row: Hashable) -> AsyncIterator[MemoryWork]:
        """One transaction that begins by locking `first_row`; an exception in the block leaves no trace."""
        self.check_reachable()
        async with AsyncExitStack() as locks:
            work = MemoryWork(self, locks)
            await work.lock(first_row)
            yield work
            self.check_reachable()
            work.commit()
