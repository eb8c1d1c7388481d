"""Reads JSON as models write it: fenced, with words around it, with trailing commas, or without its last brackets."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Form = TypeVar("Form", bound=BaseModel)

TEXT_CHARACTERS_MAX = 100_000
_DEPTH_MAX = 20
_CLOSERS = {"{": "}", "[": "]"}


class NotJson(Exception):
    """No JSON object can be made of the text without inventing any of it."""


class NotAsAgreed(Exception):
    """A response is not of the form that was asked for; the text says why, without the response's content."""


def read_form(text: str, form: type[Form]) -> Form:
    """The first JSON object in `text` as `form`.

    Raises:
        NotAsAgreed: there is no such object, or it is not of the form.
    """
    try:
        return form.model_validate(read_object(text))
    except NotJson as error:
        raise NotAsAgreed(f"not the agreed JSON: {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        # Names of fields that the form does not have are the model's words.
        known = [str(part) for part in first["loc"] if isinstance(part, int) or part in _fields_of(form)]
        raise NotAsAgreed(f"not the agreed JSON: {first['type']} at {'.'.join(known)}") from None


@lru_cache(maxsize=32)
def _fields_of(form: type[BaseModel]) -> frozenset[str]:
    schema = form.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for part in parts for name in part.get("properties", ()))


def strict_format(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The API's `response_format` for an object of these properties, all of them required and no others allowed.

    Source: the OpenAI API's "Structured outputs". Leave bounds out of the properties: some servers refuse them.
    """
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "strict": True, "schema": strict_object(properties)},
    }


def strict_object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of such an object, also for use inside another."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


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
