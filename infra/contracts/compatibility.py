"""Whether a changed JSON Schema still fits the messages that were written and the consumers that read them.

The rule within a version: messages already written stay readable, and nothing promised to consumers is taken back.
Fields may be added if they are optional; lists of values may grow and limits may widen, consumers being deployed
first. Everything else needs a new version.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

_CEILINGS = ("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum")
_FLOORS = ("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum")
_WORDS_ONLY = ("title", "description", "default", "examples", "deprecated", "$id", "$schema", "$comment", "$defs")
_COMPARED = ("type", "anyOf", "oneOf", "const", "enum", "properties", "required", "items", "additionalProperties")


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What in `new` breaks messages or consumers of `old`, one sentence for each; empty where it is compatible."""
    return list(dict.fromkeys(_Comparison(old, new).differences("", old, new)))


class _Comparison:
    """Walks two schemas side by side, resolving the references of each in its own document."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self._inside: list[tuple[str, str]] = []

    def differences(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        """The breaking differences at and below `place`, a dotted path."""
        references = (old.get("$ref", ""), new.get("$ref", ""))
        if any(references) and references in self._inside:
            return  # A type that contains itself was compared further up.
        self._inside.append(references)
        yield from self._alternatives(place, _resolve(old, self._old), _resolve(new, self._new))
        self._inside.pop()

    def _alternatives(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        """Compares unions by the types they allow; a plain schema is a union of one."""
        before, after = self._by_type(old, self._old), self._by_type(new, self._new)
        if before.keys() != after.keys():
            yield f"{place or 'the message'}: type changed from {_either(before)} to {_either(after)}"
            return
        for kind, earlier in before.items():
            later = after[kind]
            if len(earlier) == len(later) == 1:
                yield from self._keywords(place, earlier[0], later[0])
            elif earlier != later:
                yield f"{place}: the alternatives of type {kind} changed"

    def _by_type(self, schema: Schema, root: Schema) -> dict[str, list[Schema]]:
        found: dict[str, list[Schema]] = {}
        for option in schema.get("anyOf") or schema.get("oneOf") or [schema]:
            resolved = _resolve(option, root)
            kinds = resolved.get("type", "anything")
            for kind in [kinds] if isinstance(kinds, str) else kinds:
                found.setdefault(kind, []).append(resolved)
        return found

    def _keywords(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        yield from _limits(place, old, new)
        yield from _values(place, old, new)
        yield from self._fields(place, old, new)
        for keyword in ("items", "additionalProperties"):
            yield from self._contents(f"{place}[]", keyword, old.get(keyword, True), new.get(keyword, True))

    def _fields(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before.keys() - after.keys():
            yield f"{_below(place, name)}: the field was removed or renamed"
        for name in sorted(needed_after - needed_before):
            kind = "an optional field became required" if name in before else "a new field is required"
            yield f"{_below(place, name)}: {kind}; messages already written lack it"
        for name in sorted((needed_before - needed_after) & after.keys()):
            yield f"{_below(place, name)}: a required field became optional; consumers rely on it"
        for name in before.keys() & after.keys():
            yield from self.differences(_below(place, name), before[name], after[name])

    def _contents(self, place: str, keyword: str, old: Any, new: Any) -> Iterator[str]:
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from self.differences(place, old, new)
        elif old != new and old is not False:
            yield f"{place}: `{keyword}` changed from {_short(old)} to {_short(new)}"


def _limits(place: str, old: Schema, new: Schema) -> Iterator[str]:
    for keyword in _CEILINGS:
        if keyword in new and new[keyword] < old.get(keyword, float("inf")):
            yield f"{place}: `{keyword}` narrowed from {old.get(keyword, 'no limit')} to {new[keyword]}"
    for keyword in _FLOORS:
        if keyword in new and new[keyword] > old.get(keyword, float("-inf")):
            yield f"{place}: `{keyword}` narrowed from {old.get(keyword, 'no limit')} to {new[keyword]}"
    known = {*_CEILINGS, *_FLOORS, *_WORDS_ONLY, *_COMPARED, "$ref"}
    for keyword in sorted((old.keys() | new.keys()) - known):
        if old.get(keyword) != new.get(keyword):
            yield f"{place}: `{keyword}` changed from {_short(old.get(keyword))} to {_short(new.get(keyword))}"


def _values(place: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = _allowed(old), _allowed(new)
    if before is None and after is None:
        return
    if after is None:
        yield f"{place}: the list of values is gone; consumers rely on it"
    elif before is None:
        yield f"{place}: values are restricted to {_short(after)}"
    elif lost := [value for value in before if value not in after]:
        yield f"{place}: values are no longer allowed: {_short(lost)}"


def _allowed(schema: Schema) -> Sequence[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return schema.get("enum")


def _resolve(schema: Schema, root: Schema) -> Schema:
    """The schema a local reference points to, with what stands beside the reference."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target: Any = root
    for part in str(reference).removeprefix("#/").split("/"):
        target = target[part]
    beside = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
    return {**_resolve(target, root), **beside}


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _either(kinds: Mapping[str, Any]) -> str:
    return " or ".join(sorted(kinds))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
