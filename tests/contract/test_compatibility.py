"""A schema on main never loses, renames or narrows a field, nor makes one required."""

import json
import subprocess
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from contracts.flow import load_flow
from infra.contracts.compatibility import breaking_changes
from infra.contracts.generated import SCHEMAS, advice
from infra.contracts.schemas import json_schema
from tests.contract.source import ROOT

Schema = dict[str, Any]
Change = Callable[[Schema], object]

LETTER: Schema = {
    "type": "object",
    "title": "Letter",
    "required": ["id", "sender", "mood"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "sender": {"$ref": "#/$defs/Person"},
        "mood": {"enum": ["kind", "angry"], "type": "string"},
        "pages": {"type": "integer", "minimum": 1, "maximum": 20},
        "stamp": {"anyOf": [{"type": "integer", "maximum": 5}, {"type": "null"}], "default": None},
        "copies": {"type": "array", "maxItems": 3, "items": {"$ref": "#/$defs/Person"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "kind": {"const": "letter"},
    },
    "$defs": {
        "Person": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "maxLength": 50},
                "code": {"type": "string", "pattern": "^[a-z]+$"},
                "boss": {"$ref": "#/$defs/Person"},
            },
        }
    },
}


def changed(change: Change) -> Schema:
    schema = deepcopy(LETTER)
    change(schema)
    return schema


def person(schema: Schema) -> Schema:
    return dict.__getitem__(schema["$defs"], "Person")


BREAKING: dict[str, tuple[Change, str]] = {
    "field removed": (lambda s: s["properties"].pop("pages"), "pages: the field was removed or renamed"),
    "field renamed": (
        lambda s: s["properties"].update(sheets=s["properties"].pop("pages")),
        "pages: the field was removed or renamed",
    ),
    "required field added": (
        lambda s: (s["properties"].update(place={"type": "string"}), s["required"].append("place")),
        "place: a new field is required",
    ),
    "optional field made required": (
        lambda s: s["required"].append("pages"),
        "pages: an optional field became required",
    ),
    "required field made optional": (lambda s: s["required"].remove("mood"), "mood: a required field became optional"),
    "type changed": (lambda s: s["properties"]["pages"].update(type="string"), "pages: type changed from integer"),
    "type widened": (lambda s: s["properties"]["pages"].update(type="number"), "pages: type changed from integer"),
    "null no longer allowed": (
        lambda s: s["properties"]["stamp"]["anyOf"].pop(),
        "stamp: type changed from integer or null to integer",
    ),
    "limit lowered": (lambda s: s["properties"]["pages"].update(maximum=10), "pages: `maximum` narrowed from 20 to 10"),
    "limit added": (lambda s: s["properties"]["id"].update(maxLength=36), "id: `maxLength` narrowed from no limit"),
    "lower limit raised": (
        lambda s: s["properties"]["pages"].update(minimum=2),
        "pages: `minimum` narrowed from 1 to 2",
    ),
    "limit lowered inside a union": (
        lambda s: s["properties"]["stamp"]["anyOf"][0].update(maximum=3),
        "stamp: `maximum` narrowed from 5 to 3",
    ),
    "limit of a list lowered": (lambda s: s["properties"]["copies"].update(maxItems=1), "copies: `maxItems` narrowed"),
    "value removed": (lambda s: s["properties"]["mood"]["enum"].remove("angry"), "mood: values are no longer allowed"),
    "list of values dropped": (lambda s: s["properties"]["mood"].pop("enum"), "mood: the list of values is gone"),
    "list of values introduced": (
        lambda s: person(s)["properties"]["name"].update(enum=["Ada"]),
        "sender.name: values are restricted",
    ),
    "constant changed": (lambda s: s["properties"]["kind"].update(const="card"), "kind: values are no longer allowed"),
    "format changed": (lambda s: s["properties"]["id"].update(format="uri"), "id: `format` changed from uuid to uri"),
    "pattern changed": (
        lambda s: person(s)["properties"]["code"].update(pattern="^[a-f]+$"),
        "sender.code: `pattern` changed",
    ),
    "change in a referenced type": (
        lambda s: person(s)["properties"]["name"].update(maxLength=10),
        "copies[].name: `maxLength` narrowed from 50 to 10",
    ),
    "type of a mapping's values changed": (
        lambda s: s["properties"]["labels"].update(additionalProperties={"type": "integer"}),
        "labels[]: type changed from string to integer",
    ),
    "unknown fields forbidden": (
        lambda s: s.update(additionalProperties=False),
        "`additionalProperties` changed from True to False",
    ),
    "an unknown keyword": (lambda s: s.update({"not": {"required": ["pages"]}}), "`not` changed from None"),
}

HARMLESS: dict[str, Change] = {
    "nothing": lambda s: None,
    "optional field added": lambda s: s["properties"].update(place={"type": "string"}),
    "optional field of a part added": lambda s: person(s)["properties"].update(age={"type": "integer"}),
    "words changed": lambda s: s.update(title="Post", description="Something written."),
    "default changed": lambda s: s["properties"]["stamp"].update(default=1),
    "limit raised": lambda s: s["properties"]["pages"].update(maximum=40),
    "limit dropped": lambda s: s["properties"]["pages"].pop("maximum"),
    "value added": lambda s: s["properties"]["mood"]["enum"].append("neutral"),
    "constant became one of several": lambda s: s["properties"].update(
        kind={"type": s["properties"]["kind"].get("type", "anything"), "enum": ["letter", "card"]}
    ),
    "part renamed, its content kept": lambda s: (
        s["$defs"].update(Human=s["$defs"].pop("Person")),
        s.update(json.loads(json.dumps(s).replace("#/$defs/Person", "#/$defs/Human"))),
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_breaking_change_is_named(name: str) -> None:
    change, words = BREAKING[name]

    found = breaking_changes(LETTER, changed(change))

    assert any(words in sentence for sentence in found), found


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_passes(name: str) -> None:
    assert breaking_changes(LETTER, changed(HARMLESS[name])) == []


def test_a_type_that_contains_itself_comes_to_an_end() -> None:
    schema = changed(lambda s: person(s)["properties"]["boss"].update(description="Of the person."))

    assert breaking_changes(schema, schema) == []


def git(*arguments: str) -> str | None:
    """What git prints, or None where it refuses (no repository, no such commit)."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def earlier_commits() -> list[str]:
    """Main as this clone knows it, and, for a clone that is on main, the commit before."""
    names = ("origin/main", "main", "HEAD", "HEAD~1")
    found = [git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") for name in names]
    return list(dict.fromkeys(commit for commit in found if commit))


def test_no_schema_on_main_changes_incompatibly() -> None:
    problems = []
    for topic in load_flow().topics:
        after = json_schema(topic)
        for commit in earlier_commits():
            before = git("show", f"{commit}:{SCHEMAS}/{topic.schema_file}")
            if before is not None and (found := breaking_changes(json.loads(before), after)):
                problems.append(advice(f"{topic.schema_file} (against {commit[:10]})", found))

    assert not problems, "\n\n" + "\n\n".join(problems)
