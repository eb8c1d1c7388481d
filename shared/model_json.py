"""Reads JSON as models write it: fenced, with words around it, with trailing commas, or without its last brackets."""

import json
from typing import Any

TEXT_CHARACTERS_MAX = 100_000
_DEPTH_MAX = 20
_CLOSERS = {"{": "}", "[": "]"}


class NotJson(Exception):
    """No JSON object can be made of the text without inventing any of it."""


def read_object(text: str) -> dict[str, Any]:
    """The first JSON object in `text`; takes one pass over it.

    Only what has no content is mended: commas before a closing bracket, and closing brackets that are missing at the
    end. A text that ends inside a string or behind a colon is not completed, since nobody knows how it would go on.

    Raises:
        NotJson: there is no object, it is not whole, or it is nested more than 20 deep.
    """
    start = text.find("{")
    if start < 0 or len(text) > TEXT_CHARACTERS_MAX:
        raise NotJson("no JSON object" if start < 0 else "too long")
    try:
        found = json.loads(_mended(text, start), strict=False)
    except ValueError:
        raise NotJson("not JSON") from None
    if not isinstance(found, dict):
        raise NotJson("no JSON object")
    return found


def _mended(text: str, start: int) -> str:
    out: list[str] = []
    open_brackets: list[str] = []
    position = start
    while position < len(text):
        character = text[position]
        if character == '"':
            end = _string_end(text, position)
            out.append(text[position:end])
            position = end
            continue
        if character in _CLOSERS:
            open_brackets.append(_CLOSERS[character])
            if len(open_brackets) > _DEPTH_MAX:
                raise NotJson("nested too deep")
        elif character in "}]":
            if open_brackets.pop() != character:
                raise NotJson("brackets that do not match")
            _drop_comma(out)
        if not character.isspace():
            out.append(character)
        if not open_brackets:
            return "".join(out)
        position += 1
    _drop_comma(out)
    return "".join(out) + "".join(reversed(open_brackets))


def _string_end(text: str, start: int) -> int:
    position = start + 1
    while position < len(text):
        if text[position] == "\\":
            position += 2
        elif text[position] == '"':
            return position + 1
        else:
            position += 1
    raise NotJson("ends inside a string")


def _drop_comma(out: list[str]) -> None:
    if out and out[-1] == ",":
        out.pop()
