"""What the services' code declares to read and write is what `flow.yaml` says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.events import EVENTS
from contracts.flow import load_flow
from tests.contract.source import ROOT, calls, python_files, shown, syntax, told

FLOW = load_flow()
EVENT_NAMES = {cls.__name__ for cls in EVENTS}
SIDELINES = {"training", "ingest"}  # They may build events to learn from; nothing of it is sent.


def folder_of(service: str) -> Path:
    return ROOT / service if service == "admin_portal" else ROOT / "services" / service


def sources(service: str) -> list[Path]:
    """The service's files that can read or send messages."""
    inside = [path for path in python_files() if path.is_relative_to(folder_of(service))]
    return [path for path in inside if not SIDELINES & {path.stem, *path.parts} and "tests" not in path.parts]


def names_in(value: ast.expr) -> set[str]:
    """The events named in an expression such as `TicketReceived` or `(A, events.B)`."""
    named = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    return (named | {node.attr for node in ast.walk(value) if isinstance(node, ast.Attribute)}) & EVENT_NAMES


def declared(path: Path, keyword: str) -> Iterator[str]:
    """The events that `keyword=` of a stage names, or that the constant of the same name lists."""
    for call in calls(path):
        for argument in call.keywords:
            if argument.arg == keyword:
                yield from names_in(argument.value)
    for node in ast.walk(syntax(path)):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == keyword.upper() for target in targets):
            yield from names_in(node.value)


def made(path: Path) -> Iterator[tuple[int, str]]:
    """Where the file builds an event: `X(...)` or `X.after(...)`."""
    for call in calls(path):
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr == "after":
            function = function.value
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        if name in EVENT_NAMES:
            yield call.lineno, name


@pytest.mark.parametrize("service", FLOW.services)
def test_a_service_reads_what_the_flow_says(service: str) -> None:
    expected = {topic.event for topic in FLOW.consumed_by(service)}
    found = {name for path in sources(service) for name in declared(path, "consumes")}

    assert found == expected, (
        f"{service} declares `Stage(consumes=...)` for {sorted(found)}; contracts/flow.yaml lists it as a consumer of "
        f"{sorted(expected)}. Add the stage, or mend `consumers` in the flow."
    )


@pytest.mark.parametrize("service", FLOW.services)
def test_a_service_writes_what_the_flow_says(service: str) -> None:
    expected = {topic.event for topic in FLOW.produced_by(service)} - {"DeadLetter"}
    found = {name for path in sources(service) for name in declared(path, "produces")}

    assert found == expected, (
        f"{service} declares {sorted(found)} in `Stage(produces=...)` or `PRODUCES`; contracts/flow.yaml lists it as a "
        f"producer of {sorted(expected)}. Declare what is sent, or mend `producers` in the flow."
    )


@pytest.mark.parametrize("service", FLOW.services)
def test_a_service_builds_only_events_that_it_produces(service: str) -> None:
    allowed = {topic.event for topic in FLOW.produced_by(service)}
    strangers = [
        f"{shown(path)}:{line} builds {name}"
        for path in sources(service)
        for line, name in made(path)
        if name not in allowed
    ]

    assert not strangers, told(strangers, f"Add {service} to the event's `producers` in contracts/flow.yaml.")


def test_the_search_finds_stages_and_events(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(
        "PRODUCES = (TicketReceived, events.OutcomeObserved)\n"
        "stage = Stage(consumes=AnswerDrafted, produces=(AnswerValidated,), run=run)\n"
        "made = AnswerReleased.after(cause, at=now), events.AnswerDelivered(status='failed'), Stage.after(1)\n"
    )

    assert set(declared(file, "consumes")) == {"AnswerDrafted"}
    assert set(declared(file, "produces")) == {"TicketReceived", "OutcomeObserved", "AnswerValidated"}
    assert set(made(file)) == {(3, "AnswerReleased"), (3, "AnswerDelivered")}
