"""What all events have in common."""

from datetime import datetime
from typing import Annotated, ClassVar, Self
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
ShortText = Annotated[str, Field(max_length=500)]
LongText = Annotated[str, Field(max_length=200_000)]


class Value(BaseModel):
    """A frozen part of an event. Consumers ignore fields they do not know, so that fields can be added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Value):
    """What every event says about itself and its case.

    `event_id` is the CloudEvents id; it is derived from the parent's, so that a repeated step repeats the event.
    """

    type: ClassVar[str]
    topic: ClassVar[str]

    event_id: UUID
    occurred_at: datetime
    tenant: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    conversation_id: UUID
    case_id: UUID
    turn: Annotated[int, Field(ge=1, description="Number of the customer's message; a newer turn supersedes.")]

    @property
    def key(self) -> str:
        """The Kafka key: one conversation of one tenant stays on one partition."""
        return f"{self.tenant}:{self.conversation_id}"

    @classmethod
    def after(cls, parent: "Event", *, at: datetime, **fields: object) -> Self:
        """The event of this type that `parent` gives rise to, at the instant `at`.

        Fields of the case that both have are carried over. The id is `uuid5(parent's id, type)` (RFC 9562),
        so that handling a redelivered parent produces the same event again.
        """
        carried = {name: getattr(parent, name) for name in cls.model_fields if hasattr(parent, name)}
        derived = {"event_id": uuid5(parent.event_id, cls.type), "occurred_at": at}
        return cls.model_validate({**carried, **fields, **derived})


def conversation_id_of(tenant: str, source: str, external_id: str) -> UUID:
    """The id of the conversation that the helpdesk `source` calls `external_id`."""
    return uuid5(NAMESPACE_URL, f"handrail:{tenant}:{source}:{external_id}")


def case_id_of(conversation_id: UUID, turn: int) -> UUID:
    """The id of the case that customer turn number `turn` (from 1) opens in a conversation."""
    return uuid5(conversation_id, f"turn:{turn}")
