"""What escalation needs of the world: its own memory of cases."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from contracts.events import AnswerValidated, Event

Status = Literal["released", "in_review", "with_specialist", "rejected", "superseded"]
OPEN: tuple[Status, ...] = ("in_review", "with_specialist")


@dataclass(frozen=True, kw_only=True)
class CaseState:
    """What is kept of one case, from its validated draft to its end."""

    validated: AnswerValidated
    status: Status
    trace_id: str
    due_at: datetime | None = None
    delivery: str = ""


class CaseBook(Protocol):
    """Escalation's own state. Everything inside a `begin` block is committed together or not at all."""

    def begin(self, event: Event) -> AbstractAsyncContextManager["CaseWork"]:
        """Opens the transaction for one event.

        Raises:
            DependencyDown: the store is not reachable.
            Retryable: another transaction was in the way.
        """
        ...


class CaseWork(Protocol):
    """One transaction."""

    @property
    def is_new(self) -> bool:
        """False where this event was handled before."""
        ...

    async def latest_turn(self, event: Event) -> int:
        """The newest turn known of the event's conversation, the event's own included; locks the conversation."""
        ...

    async def case(self, case_id: UUID) -> CaseState | None:
        """The case, locked until the transaction ends; None where it is unknown."""
        ...

    async def save(self, case: CaseState) -> None:
        """Keeps the case."""
        ...

    async def supersede(self, conversation_id: UUID, before_turn: int) -> int:
        """Closes the open cases of earlier turns; the number of them."""
        ...

    async def emit(self, event: Event) -> None:
        """Has the event published once the transaction is committed."""
        ...
