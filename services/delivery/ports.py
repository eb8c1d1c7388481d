"""What delivery needs of the world."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from contracts.events import AnswerDelivered, AnswerReleased
from services.delivery.rules import Attempted, Next


@dataclass(frozen=True, kw_only=True)
class Sending:
    """One answer on its way; `attempts` counts the one that was just begun."""

    released: AnswerReleased
    traceparent: str
    attempts: int


class Intents(Protocol):
    """Where the consumer writes down what is to be sent, before anything is."""

    def begin(self, event: AnswerReleased) -> AbstractAsyncContextManager["IntentWork"]:
        """Opens the transaction for one event; committed together or not at all.

        Raises:
            DependencyDown: the store is not reachable.
            Retryable: another transaction was in the way.
        """
        ...


class IntentWork(Protocol):
    """One transaction."""

    @property
    def is_new(self) -> bool:
        """False where this event was handled before."""
        ...

    async def intend(self, released: AnswerReleased, traceparent: str) -> None:
        """Keeps the intent, one per case: a second one changes nothing."""
        ...


class Sendings(Protocol):
    """Delivery's own state: an intent to send, written before anything is sent."""

    def claim(self, case_id: UUID, lease_seconds: float) -> Sending | None:
        """Begins an attempt; None where the answer is not due, is being sent by another, or is done."""
        ...

    def report(self, sending: Sending, attempted: Attempted, then: Next, event: AnswerDelivered | None) -> None:
        """Keeps how an attempt went and has `event` published, in one transaction."""
        ...

    def due(self, limit: int) -> list[UUID]:
        """Cases whose answer should be sent now, the longest waiting first."""
        ...


class HelpdeskUnreachable(Exception):
    """The helpdesk could not be asked whether it has the answer."""


class Helpdesk(Protocol):
    """Where answers go."""

    def find_reply(self, sending: Sending) -> str | None:
        """The receipt of this answer where the helpdesk has it already, else None.

        Raises:
            HelpdeskUnreachable: it cannot be asked.
        """
        ...

    def reply(self, sending: Sending, text: str) -> Attempted:
        """Posts the public reply; never raises for what the helpdesk or the network does."""
        ...


class Helpdesks(Protocol):
    """The helpdesks of all tenants."""

    def of(self, released: AnswerReleased) -> Helpdesk | None:
        """The helpdesk that the conversation came from; None where it is no longer configured."""
        ...
