"""Personal data stays here: replaced by placeholders before a request leaves, put back into the response."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from shared.gateway.asking import Prompt, Turn
from shared.personal_data import TOKEN, PersonalData, find_replaced

# How our own placeholders look, those of earlier stages included.
_PLACEHOLDER = re.compile(r"\[([A-Z][A-Z_]{1,30})_(\d{1,5})\]")
# Models change brackets, case and the separator: `[email_1]`, `\[EMAIL_1\]`, `<EMAIL 1>`, `EMAIL_1`.
_REWRITTEN = re.compile(
    r"\\{0,2}[\[<{(]\s?([A-Za-z][A-Za-z_]{1,30})[_ \-](\d{1,5})\s?\\{0,2}[\]>})]"
    r"|(?<![A-Za-z0-9_\[])([A-Z][A-Z_]{1,30})_(\d{1,5})(?![A-Za-z0-9_\]])"
)
# No placeholder, rewritten or not, is longer.
PLACEHOLDER_CHARACTERS_MAX = 48
_ESCAPES_MAX = 2
# Passages come back with request after request, and looking through one takes milliseconds.
_TEXTS_REMEMBERED = 2_000


@lru_cache(maxsize=_TEXTS_REMEMBERED)
def _spans(text: str) -> tuple[PersonalData, ...]:
    return tuple(find_replaced(text))


@dataclass
class Mask:
    """The placeholders of one request. The same original gets the same placeholder throughout."""

    originals: dict[str, str] = field(default_factory=dict)
    """Placeholder to original; one that stood in the request already stands for itself."""
    _placeholders: dict[str, str] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)

    def learn(self, prompt: Prompt) -> None:
        """This function will note the placeholders that the user's messages have already.

        Those in the instructions are examples, and those in what a model said may be made up.
        """
        for message in prompt.messages():
            if message["role"] != "user":
                continue
            for kind, number in _PLACEHOLDER.findall(message["content"]):
                self.originals[f"[{kind}_{number}]"] = f"[{kind}_{number}]"
                self._last[kind] = max(self._last.get(kind, 0), int(number))

    def cover(self, prompt: Prompt) -> Prompt:
        """The prompt with personal data of its user message and turns replaced. Call `learn` first."""
        user = self._covered(prompt.user)
        turns = tuple(Turn(turn.role, self._cover_text(turn.text)) for turn in prompt.turns)
        return replace(prompt, user=user, turns=turns)

    def _covered(self, value: Any) -> Any:
        """Strings are looked at one by one: in rendered JSON an escape would run into what follows it."""
        if isinstance(value, str):
            return self._cover_text(value)
        if isinstance(value, Mapping):
            return {key: self._covered(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._covered(one) for one in value]
        return value

    def _cover_text(self, text: str) -> str:
        parts, position = [], 0
        for span in _spans(text):
            parts += [text[position : span.start], self._placeholder(text[span.start : span.end], span.kind)]
            position = span.end
        return "".join([*parts, text[position:]])

    def _placeholder(self, original: str, kind: str) -> str:
        if original in self.originals or original in self._placeholders:
            return self._placeholders.get(original, original)
        self._last[kind] = self._last.get(kind, 0) + 1
        made = f"[{kind}_{self._last[kind]}]"
        self.originals[made] = original
        self._placeholders[original] = made
        return made

    def uncover(self, text: str, *, is_json: bool) -> tuple[str, bool]:
        """The text with originals in the place of placeholders, also of such as the model rewrote.

        Args:
            is_json: originals are escaped as inside a JSON string.

        Returns: the text, and whether it holds a placeholder that the request did not: a sign of invention.
        """
        unknown = False

        def original_of(match: re.Match[str]) -> str:
            nonlocal unknown
            kind, number = match[1] or match[3], match[2] or match[4]
            token = f"[{kind.upper()}_{int(number)}]"
            found = self.originals.get(token)
            if found is None:
                unknown = unknown or (match[1] is not None and TOKEN.fullmatch(token) is not None)
                return match[0]
            return json.dumps(found, ensure_ascii=False)[1:-1] if is_json else found

        return _REWRITTEN.sub(original_of, text), unknown


def complete_words(text: str) -> tuple[str, str]:
    """What of a stream can go out, and what is held back because a placeholder in it may not be whole yet."""
    cut = max(len(text) - PLACEHOLDER_CHARACTERS_MAX, 0)
    while 0 < cut < len(text) and not text[cut - 1].isspace() and len(text) - cut < 2 * PLACEHOLDER_CHARACTERS_MAX:
        cut -= 1
    before = max(cut - PLACEHOLDER_CHARACTERS_MAX, 0)
    opened = max(text.rfind(bracket, before, cut) for bracket in "[<{(")
    if opened >= 0 and not any(bracket in text[opened:cut] for bracket in "]>})"):
        cut = max(opened - _ESCAPES_MAX, 0)
    return text[:cut], text[cut:]
