"""JSON as models write it is read where nothing has to be invented."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from shared.model_json import NotAsAgreed, NotJson, read_form, read_object, strict_format

WHOLE = {"sentences": [{"text": 'Say "hi", {ok}', "citations": [{"passage": 1, "quote": "a, b]"}]}], "unanswered": []}
TEXT = json.dumps(WHOLE)

READABLE = {
    "as it should be": TEXT,
    "pretty": json.dumps(WHOLE, indent=4),
    "fenced": f"```json\n{TEXT}\n```",
    "fenced without an end": f"```\n{TEXT}",
    "words before and after": f"Sure! Here it is:\n{TEXT}\nAnything else? {{smile}}",
    "trailing commas": TEXT.replace('"a, b]"}]}]', '"a, b]",},],} , ]'),
    "no last bracket": TEXT[:-1],
    "no last brackets": TEXT[:-2],
    "ends with a comma": TEXT[:-1] + ", ",
    "a second object": TEXT + TEXT,
}


@pytest.mark.parametrize("kind", READABLE)
def test_what_is_whole_is_read(kind: str) -> None:
    assert read_object(READABLE[kind]) == WHOLE


def test_line_ends_inside_strings_are_read() -> None:
    assert read_object('{"text": "one\ntwo\tthree"}') == {"text": "one\ntwo\tthree"}


UNREADABLE: dict[str, Any] = {
    "nothing": "",
    "prose": "Just roll it back!",
    "a list": "[1, 2]",
    "ends inside a string": TEXT[:40],
    "ends behind a colon": '{"sentences":',
    "ends inside a word": '{"sentences": tru',
    "ends inside an escape": '{"text": "\\',
    "wrong brackets": '{"sentences": [}',
    "single quotes": "{'sentences': []}",
    "too deep": "{" + '"a":{' * 50,
    "only brackets": '{"a":' + "[" * 100_000,
    "too long": '{"a": "' + "x" * 200_000 + '"}',
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_would_have_to_be_invented_is_not(kind: str) -> None:
    with pytest.raises(NotJson):
        read_object(UNREADABLE[kind])


class _Step(BaseModel):
    model_config = ConfigDict(extra="ignore")

    order: int


class _Plan(BaseModel):
    model_config = ConfigDict(extra="ignore")

    steps: list[_Step]


def test_a_response_of_the_form_is_read() -> None:
    assert read_form('Here: {"steps": [{"order": 2, "why": "so"}]}', _Plan) == _Plan(steps=[_Step(order=2)])


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("no", "not the agreed JSON: no JSON object"),
        ('{"steps": [{"order": "secret"}]}', "not the agreed JSON: int_parsing at steps.0.order"),
        ('{"plan": []}', "not the agreed JSON: missing at steps"),
    ],
)
def test_what_is_not_of_the_form_is_named_without_its_content(response: str, reason: str) -> None:
    with pytest.raises(NotAsAgreed) as refused:
        read_form(response, _Plan)
    assert str(refused.value) == reason


def test_keys_of_the_models_own_are_not_named() -> None:
    class Counted(BaseModel):
        counts: dict[str, int]

    with pytest.raises(NotAsAgreed) as refused:
        read_form('{"counts": {"Jane Doe": "many"}}', Counted)
    assert "Jane" not in str(refused.value)


def test_a_strict_format_asks_for_every_property_and_no_other() -> None:
    schema = strict_format("plan", {"steps": {"type": "array"}})["json_schema"]["schema"]
    assert (schema["required"], schema["additionalProperties"]) == (["steps"], False)
