"""CloudEvents 1.0 in Kafka binary mode, with the W3C trace context in the same headers.

Source: CloudEvents Kafka protocol binding 1.0.2, section 3.2 (attributes as `ce_` headers, data as the value).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import ValidationError

from contracts.events import DeadLetter, Event
from shared.failures import InvalidMessage

E = TypeVar("E", bound=Event)
W3C = TraceContextTextMapPropagator()
# What `contracts/flow.yaml` lets the topics take; a dead letter, whose body is base64, may be half as large again.
MESSAGE_BYTES_MAX = 4_000_000
DEAD_LETTER_BYTES_MAX = 6_000_000


@dataclass(frozen=True, slots=True)
class Message:
    """What travels: topic, key, headers and the JSON body; partition and offset once it was consumed."""

    topic: str
    key: str
    headers: Mapping[str, str]
    body: bytes
    partition: int = -1
    offset: int = -1
    raw_headers: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


def encode(event: Event | DeadLetter, *, service: str, key: str | None = None) -> Message:
    """The message of an event, stamped with the trace context of the span that is current here.

    Raises:
        InvalidMessage: it would be larger than the topics take.
    """
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(event.event_id),
        "ce_type": f"{event.type}.v1",
        "ce_source": f"/handrail/{service}",
        "ce_time": event.occurred_at.isoformat(),
        "content-type": "application/json",
    }
    W3C.inject(headers)
    if key is None:
        key = event.key if isinstance(event, Event) else service
    body = event.model_dump_json().encode()
    if isinstance(event, Event) and len(body) > MESSAGE_BYTES_MAX:
        raise InvalidMessage(f"a {event.type} of {len(body)} bytes; the topics take {MESSAGE_BYTES_MAX}")
    return Message(event.topic, key, headers, body)


def decode(event_type: type[E], message: Message) -> E:
    """The event in a message.

    Raises:
        InvalidMessage: the body is no JSON of this event type, or the headers name another type.
    """
    named = message.headers.get("ce_type")
    if named is not None and named != f"{event_type.type}.v1":
        raise InvalidMessage(f"{message.topic} carries a {event_type.type}.v1, but the message says {named[:80]!r}")
    try:
        return event_type.model_validate_json(message.body)
    except ValidationError as error:
        # The error's own text would quote the message, which may hold a customer's words.
        places = sorted({".".join(str(part) for part in detail["loc"]) for detail in error.errors()})
        raise InvalidMessage(f"not a {event_type.type}: {', '.join(places[:10])}") from None
