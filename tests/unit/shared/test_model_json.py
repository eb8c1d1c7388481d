"""JSON as models write it is read where nothing has to be invented."""

import json
from typing import Any

import pytest

from shared.model_json import NotJson, read_object

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
