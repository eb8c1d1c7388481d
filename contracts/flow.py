"""Reads `flow.yaml`: every topic with its owner, producers, consumers and limits."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.events import EVENTS, DeadLetter, Event

FLOW_FILE = Path(__file__).parent / "flow.yaml"

EventType = type[Event] | type[DeadLetter]


class FlowInvalid(Exception):
    """`flow.yaml` cannot be used; the text says what to change."""


class Entry(BaseModel):
    """A frozen part of the file; unknown keys are refused, since a typo there would go unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Topic(Entry):
    """One topic and the one event type it carries. Retention in days, sizes in bytes."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
    event: str
    version: Annotated[int, Field(ge=1)]
    owner: Annotated[str, Field(min_length=1)]
    producers: Annotated[tuple[str, ...], Field(min_length=1)]
    consumers: tuple[str, ...]
    key: Annotated[str, Field(min_length=1)]
    partitions: Annotated[int, Field(ge=1, le=1000)]
    retention_days: Annotated[int, Field(ge=1, le=3650)]
    dead_letter: str | None
    message_bytes_max: Annotated[int, Field(ge=1000)]

    @property
    def schema_file(self) -> str:
        """The name of the JSON Schema of the topic's event."""
        return f"{self.name}.v{self.version}.schema.json"

    @property
    def event_type(self) -> EventType:
        """The class of the topic's event.

        Raises:
            FlowInvalid: `contracts.events` has no class of that name.
        """
        if self.event not in _EVENT_TYPES:
            raise FlowInvalid(f"{self.name}: contracts/events/ has no event {self.event!r}; add it or mend the name")
        return _EVENT_TYPES[self.event]


class Outside(Entry):
    """Something that happens outside Kafka, drawn in the diagram."""

    source: Annotated[str, Field(alias="from")]
    says: str
    target: Annotated[str, Field(alias="to")]


class Flow(Entry):
    """The whole flow. Topics stand in the order in which a ticket meets them."""

    services: dict[str, str]
    topics: tuple[Topic, ...]
    outside: tuple[Outside, ...] = ()

    def topic(self, name: str) -> Topic:
        """The topic of that name; raises KeyError where there is none."""
        return {topic.name: topic for topic in self.topics}[name]

    def consumed_by(self, service: str) -> tuple[Topic, ...]:
        """The topics that a service reads."""
        return tuple(topic for topic in self.topics if service in topic.consumers)

    def produced_by(self, service: str) -> tuple[Topic, ...]:
        """The topics that a service writes, dead letters included."""
        return tuple(topic for topic in self.topics if service in topic.producers)

    @model_validator(mode="after")
    def names_are_known(self) -> Self:
        """Raises ValueError where a topic stands twice, or names a service or dead letter topic that is not listed."""
        names = [topic.name for topic in self.topics]
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise ValueError(f"listed twice: {', '.join(twice)}")
        for topic in self.topics:
            if strangers := sorted({*topic.producers, *topic.consumers} - self.services.keys()):
                raise ValueError(f"{topic.name} names services that are not listed: {', '.join(strangers)}")
            if topic.dead_letter is not None and topic.dead_letter not in names:
                raise ValueError(f"{topic.name} sends dead letters to {topic.dead_letter!r}, which is no topic")
        return self


def load_flow(path: Path = FLOW_FILE) -> Flow:
    """The flow in the file.

    Raises:
        FlowInvalid: the file is missing, is not YAML, or breaks the format.
    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Flow.model_validate(content)
    except (OSError, yaml.YAMLError) as error:
        raise FlowInvalid(f"{path.name} cannot be read: {error}") from error
    except ValidationError as error:
        raise FlowInvalid(f"{path.name}: {_sentences(error, content)}") from error


def _sentences(error: ValidationError, content: Any) -> str:
    return "; ".join(f"{_place(detail['loc'], content)}: {detail['msg']}" for detail in error.errors())


def _place(location: tuple[int | str, ...], content: Any) -> str:
    """`topics.3.owner` says little; the topic's name says where to look."""
    match location:
        case ("topics", int() as number, *rest):
            entry = content["topics"][number]
            name = entry.get("name") if isinstance(entry, dict) else None
            return ".".join(str(part) for part in (name or f"topic {number + 1}", *rest))
        case _:
            return ".".join(str(part) for part in location) or "the flow"


_EVENT_TYPES: dict[str, EventType] = {cls.__name__: cls for cls in EVENTS} | {DeadLetter.__name__: DeadLetter}
