"""Example events, one JSON file each, that follow a few tickets of the fictional company Northquay through the flow.

They are what tests start from, and what an integrator looks at first. No word in them is a real customer's.
"""

from pathlib import Path
from typing import TypeVar, cast

from contracts.events import DeadLetter, Event

E = TypeVar("E", bound=Event | DeadLetter)

FOLDER = Path(__file__).parent


class ExampleUnknown(Exception):
    """There is no example of that name; the text lists those there are."""


def example_files(topic: str, version: int = 1) -> list[Path]:
    """The files of a topic's examples, by name."""
    return sorted((FOLDER / topic / f"v{version}").glob("*.json"))


def example(event_type: type[E], name: str) -> E:
    """The example `name` of an event type, such as `example(TicketReceived, "refund-asked")`.

    Raises:
        ExampleUnknown: there is none of that name.
    """
    files = {file.stem: file for file in example_files(event_type.topic)}
    if name not in files:
        raise ExampleUnknown(f"{event_type.__name__} has no example {name!r}; there are: {', '.join(files)}")
    return cast("E", event_type.model_validate_json(files[name].read_bytes()))
