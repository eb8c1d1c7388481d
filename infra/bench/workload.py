"""What every contender carries: six hops, and one event of about 4.7 kB for each ticket."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from contracts import examples
from contracts.events import AnswerValidated

HOPS = 6
PARTITIONS = 6
TOPIC_PREFIX = "bench-"
EXAMPLE = "answer-validated/v1/too-many-connections.json"
# The example has no thread yet; with this, the event has the size of a ticket late in the flow.
LONGER = " The numbers above are from the dashboard of the last hour; the hour before looked alike." * 2
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def topic(run: str, hop: int) -> str:
    """The topic from which hop number `hop` (from 0) reads; number `HOPS` is where the tickets come out."""
    return f"{TOPIC_PREFIX}{run}-{hop}"


def event_type(run: str, hop: int) -> type[AnswerValidated]:
    """The largest event of the flow, on the topic of one hop of the bench."""
    name = topic(run, hop)
    return type("BenchEvent", (AnswerValidated,), {"__module__": __name__, "type": name, "topic": name})


def example() -> AnswerValidated:
    """A committed example of that event."""
    folder = Path(examples.__file__).parent
    event = AnswerValidated.model_validate_json((folder / EXAMPLE).read_bytes())
    ticket = event.ticket.model_copy(update={"body": event.ticket.body + LONGER})
    return event.model_copy(update={"ticket": ticket})


def tickets(run: str, label: str, count: int) -> list[AnswerValidated]:
    """`count` events for the first hop, each of a conversation of its own, the same for the same `label`."""
    first = event_type(run, 0)
    fields = {name: getattr(example(), name) for name in AnswerValidated.model_fields}
    return [
        first.model_validate(
            fields
            | {
                "event_id": uuid5(NAMESPACE_OID, f"{run}:{label}:{number}:event"),
                "conversation_id": uuid5(NAMESPACE_OID, f"{run}:{label}:{number}"),
                "occurred_at": EPOCH,
            }
        )
        for number in range(count)
    ]
