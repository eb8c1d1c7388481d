"""The surface of a text, which embeddings overlook: its very words, pieces of words, whole lines, and its layout."""

import math
import re
import zlib
from collections import Counter
from itertools import pairwise

# A few thousand long texts hold a hundred thousand words and pairs.
BUCKETS = 2**17
LAYOUT_FEATURES = 10
_WORDS_MAX = 800
_PIECES_CHARACTERS_MAX = 1_500
_LINES_MAX = 150
_ANSWER_CHARACTERS_MAX = 60
_WORD = re.compile(r"\w+")
_NO_LETTER = re.compile(r"[\W\d_]+")
_FAILING = re.compile(r"\b(?:error|exception|traceback|crash|fail)", re.IGNORECASE)
_WISHING = re.compile(r"\b(?:would|could|should|please|support|add|allow)\b", re.IGNORECASE)
_ASKING = re.compile(r"\b(?:how|why|what|help|tried)\b", re.IGNORECASE)
_PICTURE = re.compile(r"!\[|<img")

Counts = dict[int, float]


def words(text: str) -> Counts:
    """Words and pairs of neighbours, by bucket. Hashed (Weinberger et al., ICML 2009), so that no model holds a name.

    Counts are dampened as 1 + log(count), here and below.
    """
    found = _WORD.findall(text.lower())[:_WORDS_MAX]
    pairs = [f"{one} {two}" for one, two in pairwise(found)]
    return _counted(found + pairs)


def pieces(text: str) -> Counts:
    """Runs of three and four characters within words, which typing errors leave mostly as they are."""
    found: list[str] = []
    for word in _WORD.findall(text[:_PIECES_CHARACTERS_MAX].lower()):
        framed = f" {word[:40]} "
        found += [framed[i : i + 3] for i in range(len(framed) - 2)]
        found += [framed[i : i + 4] for i in range(len(framed) - 3)]
    return _counted(found)


def lines(text: str) -> Counts:
    """Whole lines without digits and signs, and short ones together with the line before.

    A template's headings recur, and tell which form somebody filled in; an answer means something below its heading.
    """
    read = [line.strip() for line in text.split("\n")[1 : _LINES_MAX + 1]]
    found = [(_NO_LETTER.sub("_", line.lower()), len(line)) for line in read if line]
    answers = [
        f"{one[:40]}={two[:40]}" for (one, _), (two, length) in pairwise(found) if length < _ANSWER_CHARACTERS_MAX
    ]
    return _counted([line[:60] for line, _ in found] + answers)


def layout(text: str) -> list[float]:
    """LAYOUT_FEATURES numbers: length, questions, code, pictures, and how often a text fails, wishes and asks."""
    counts = (
        len(text),
        text.count("?"),
        text.count("```"),
        text.count("\n"),
        text.partition("\n")[0].count("?"),
        len(_FAILING.findall(text)),
        text.count("`"),
        len(_WISHING.findall(text)),
        len(_ASKING.findall(text)),
        len(_PICTURE.findall(text)),
    )
    return [math.log1p(count) for count in counts]


def _counted(found: list[str]) -> Counts:
    counted = Counter(zlib.crc32(one.encode("utf-8", "replace")) % BUCKETS for one in found)
    return {bucket: 1.0 + math.log(count) for bucket, count in counted.items()}
