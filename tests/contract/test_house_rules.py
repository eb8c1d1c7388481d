"""The rules of the house that a linter does not know."""

import ast
import re
from pathlib import Path

import pytest

from tests.contract.source import ROOT, calls, files, python_files, shown, syntax, told

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 300
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}
ROOMS = {"app", "handler", "ports"}
OTHER_ROOMS = {"rules", "adapters", "tables", "settings", "tasks", "training", "ingest", "prompts"}
SERVICES = sorted(path for path in (ROOT / "services").iterdir() if (path / "__init__.py").exists())
# Written in two parts, so that this file does not break its own rule.
REGISTRY_HOSTS = tuple(
    f"{name}.{ending}"
    for name, ending in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry.npmjs", "org"),
        ("registry.yarnpkg", "com"),
        ("repo.maven.apache", "org"),
        ("repo1.maven", "org"),
        ("repository.apache", "org"),
        ("central.sonatype", "com"),
        ("proxy.golang", "org"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("conda.anaconda", "org"),
    )
)


def test_functions_are_short() -> None:
    long = [
        f"{shown(path)}:{node.lineno} {node.name} has {(node.end_lineno or 0) - node.lineno + 1} lines"
        for path in python_files()
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]

    assert not long, told(
        long, f"A function has at most {FUNCTION_LINES_MAX} lines (aim for 20); give its steps names."
    )


def test_files_are_short() -> None:
    long = []
    for path in python_files():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE_LINES_MAX:
            long.append(f"{shown(path)} has {lines} lines")

    assert not long, told(long, f"A file has at most {FILE_LINES_MAX} lines; make it a package of the same name.")


def test_file_names_say_what_is_inside() -> None:
    vague = [shown(path) for path in python_files() if NAMES_THAT_SAY_NOTHING & {path.stem, path.parent.name}]

    assert not vague, told(vague, "Name the file after what it holds, not after the fact that others use it.")


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_every_service_has_the_same_rooms(service: Path) -> None:
    found = {path.stem for path in service.iterdir() if path.suffix == ".py" or (path.is_dir() and path.name[0] != "_")}
    missing = [f"{shown(service)}/{room}.py is missing" for room in sorted(ROOMS - found)]
    strange = [f"{shown(service)}/{room} is unusual" for room in sorted(found - ROOMS - OTHER_ROOMS - {"__init__"})]

    assert not missing + strange, told(
        missing + strange, "Whoever knows one service knows all: use the rooms of the nearest service."
    )


def test_every_subscriber_names_its_ack_policy() -> None:
    subscribers = [
        (f"{shown(path)}:{call.lineno}", {argument.arg for argument in call.keywords})
        for path in python_files()
        for call in calls(path)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "subscriber"
    ]
    unnamed = [place for place, arguments in subscribers if "ack_policy" not in arguments]

    assert subscribers, "No subscriber was found; has the call another name now? Then look for that one here."
    assert not unnamed, told(unnamed, "Write `ack_policy=` out: FastStream's default commits before the work is done.")


def test_no_file_names_a_package_registry() -> None:
    named = []
    for path in files():
        text = path.read_bytes().decode("utf-8", "ignore").lower()
        named += [f"{shown(path)} names {host}" for host in REGISTRY_HOSTS if host in text]

    assert not named, told(named, "Where packages come from is the setting of a machine, not of the project.")


def test_lock_files_name_no_place() -> None:
    locks = [path for path in files() if path.is_relative_to(ROOT / "infra/locks") or path.name.endswith(".lock")]
    placed = [
        f"{shown(path)}:{number}"
        for path in locks
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"://|--(extra-)?index-url|--find-links", line)
    ]

    assert locks, "No lock file was found; it belongs in infra/locks/."
    assert not placed, told(placed, "Compile the lock without index addresses, so that it works with any registry.")
