"""What intake needs of the world."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from contracts.events import Event, Message


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """What intake keeps of a conversation: how many customer turns it has, and its last messages."""

    conversation_id: UUID
    tenant: str
    source: str
    external_id: str
    turns: int
    thread: tuple[Message, ...]


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a webhook led to; a duplicate delivery is answered with the first one's."""

    case_id: UUID | None
    trace_id: str


class Ledger(Protocol):
    """Intake's own state. Everything between `begin` and the end of its block is committed together or not at all."""

    def begin(self, tenant: str, source: str, delivery_id: str) -> AbstractAsyncContextManager["LedgerWork"]:
        """Opens the transaction of one delivery.

        Raises:
            DependencyDown: the store is not reachable; the helpdesk is asked to deliver again.
        """
        ...


class LedgerWork(Protocol):
    """The transaction of one delivery."""

    @property
    def earlier(self) -> Receipt | None:
        """The receipt of the same delivery, where it came before."""
        ...

    async def conversation(self, tenant: str, source: str, external_id: str) -> Conversation:
        """The conversation, a new one where none is known; locked until the transaction ends."""
        ...

    async def save(self, conversation: Conversation) -> None:
        """Keeps the conversation."""
        ...

    async def emit(self, event: Event) -> None:
        """Has the event published once the transaction is committed."""
        ...

    async def finish(self, receipt: Receipt) -> None:
        """Keeps the receipt for later deliveries of the same."""
        ...


class Pseudonyms(Protocol):
    """Hides who people are."""

    def pseudonym(self, tenant: str, person: str) -> str:
        """A name for `person` that is stable within the tenant and says nothing about them."""
        ...

    def seal(self, originals: dict[str, str]) -> str:
        """Tokens' originals, encrypted."""
        ...
