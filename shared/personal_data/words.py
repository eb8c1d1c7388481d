"""Splits text into words, and turns each word and its surroundings into hashed features for the tagger.

Only hashes of pieces of words are ever kept (feature hashing, Weinberger et al., ICML 2009): the model holds no name.
"""

import re
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint32]

BUCKET_BITS = 16
BUCKETS = 1 << BUCKET_BITS
_WORD = re.compile(r"\n|[^\W\d_]+|\d+|[^\s\w]|_")
_CHUNK_CHARACTERS_MAX = 24
_GRAMS = 7
_EDGE = "<edge>"
# Slots of one word's own hashes.
_LOWER, _SHAPE, _SHORT, _PREFIXES, _SUFFIXES = 0, 1, 2, 3, 7
_SUFFIX_THREE = _SUFFIXES + 2
_SLOTS = _SUFFIXES + 4 + _GRAMS
_SHAPES = str.maketrans({"\n": "|"})


@dataclass(frozen=True)
class Words:
    """The words of a text: the span of each, its form, and the place of its line's first word.

    A span that a pattern has claimed is one word, whose form is the kind in angle brackets.
    """

    spans: list[tuple[int, int]]
    forms: list[str]
    chunks: list[str]
    line_starts: list[int]
    caseless: bool


def split_words(text: str, claimed: Sequence[tuple[int, int, str]] = ()) -> Words:
    """Runs of letters, runs of digits, single signs and line ends; `claimed` spans are in order, without overlaps."""
    spans: list[tuple[int, int]] = []
    forms: list[str] = []
    position = 0
    for start, end, kind in (*claimed, (len(text), len(text), "")):
        for match in _WORD.finditer(text, position, start):
            spans.append(match.span())
            forms.append(match.group())
        if kind:
            spans.append((start, end))
            forms.append(f"<{kind}>")
        position = end
    line_starts, first = [], 0
    for place, form in enumerate(forms):
        line_starts.append(first)
        first = place + 1 if form == "\n" else first
    caseless = text.islower() or text.isupper()
    return Words(spans, forms, _chunks(text, spans), line_starts, caseless)


def _chunks(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """For each word, what stands around it without white space, cut to a bounded length."""
    found = [match.span() for match in re.finditer(r"\S+", text)]
    starts = [start for start, _ in found]
    chunks = []
    for start, _ in spans:
        place = bisect_right(starts, start) - 1
        first, last = found[place] if place >= 0 else (start, start)
        chunks.append(text[first : min(last, first + _CHUNK_CHARACTERS_MAX)] if start < last else "")
    return chunks


def _hash(slot: str, value: str) -> int:
    return zlib.crc32(f"{slot}\x1f{value}".encode("utf-8", "replace"))


def _shape(form: str) -> str:
    """Capitals as A, small letters as a, others without case as o, digits as 0; signs as they are."""
    return "".join(
        "A" if c.isupper() else "a" if c.islower() else "0" if c.isdigit() else "o" if c.isalpha() else c
        for c in form[:_CHUNK_CHARACTERS_MAX]
    )


def _squeezed(shape: str) -> str:
    return re.sub(r"(.)\1+", r"\1+", shape)


def _word_hashes(form: str) -> list[int]:
    """A fixed number of hashes; 0 where a word is too short for one."""
    if form.startswith("<") and len(form) > 1:
        return [_hash("w", form), _hash("s", form), _hash("q", form)] + [0] * (_SLOTS - 3)
    lower, shape = form.lower()[:40], _shape(form)
    length = len(lower)
    if form.isdigit():
        # What a number is, is told by its length and its surroundings; its value would only be learned by heart.
        length_hash = _hash("d", str(min(len(form), 12)))
        return [_hash("w", f"digits{min(len(form), 12)}"), _hash("s", shape), length_hash] + [0] * (_SLOTS - 3)
    hashes = [_hash("w", lower), _hash("s", _squeezed(shape)), _hash("q", f"{_squeezed(shape)}{min(length, 8)}")]
    hashes += [_hash(f"p{n}", lower[:n]) if length > n else 0 for n in (1, 2, 3, 4)]
    hashes += [_hash(f"e{n}", lower[-n:]) if length > n else 0 for n in (1, 2, 3, 4)]
    grams = [lower[i : i + 3] for i in range(min(length - 2, _GRAMS))]
    return hashes + [_hash("g", gram) for gram in grams] + [0] * (_GRAMS - len(grams))


def _mixed(*parts: Ids) -> Ids:
    """One hash of several, order counting (multiply and rotate, as in MurmurHash3, A. Appleby)."""
    mixed = np.full(parts[0].shape, 0x9747B28C, dtype=np.uint32)
    for part in parts:
        mixed ^= part * np.uint32(0xCC9E2D51)
        mixed = ((mixed << np.uint32(13)) | (mixed >> np.uint32(19))) * np.uint32(5) + np.uint32(0xE6546B64)
    return mixed ^ (mixed >> np.uint32(15))


def _constant(length: int, name: str) -> Ids:
    return np.full(length, _hash("c", name), dtype=np.uint32)


def features(words: Words) -> Ids:
    """A row for each word, of a fixed number of buckets below `BUCKETS`; bucket 0 means no feature."""
    forms = words.forms
    places: dict[str, int] = {_EDGE: 0}
    for form in forms:
        places.setdefault(form, len(places))
    table = np.array([_word_hashes(form) for form in places], dtype=np.uint32)
    index = np.array([places[form] for form in forms], dtype=np.intp)
    padded = np.concatenate([np.zeros(3, dtype=np.intp), index, np.zeros(3, dtype=np.intp)])
    around = {offset: table[padded[3 + offset : 3 + offset + len(forms)]] for offset in range(-3, 4)}
    columns = [*around[0].T, *_neighbours(around, len(forms)), *_surroundings(words, table, index, around[0])]
    ids = np.stack(columns, axis=1)
    return np.where(ids == 0, 0, ids & np.uint32(BUCKETS - 1)).astype(np.uint32)


def _neighbours(around: dict[int, Ids], length: int) -> list[Ids]:
    def at(offset: int, slot: int) -> Ids:
        return np.ascontiguousarray(around[offset][:, slot])

    columns = []
    for offset in (-2, -1, 1, 2):
        name = _constant(length, f"at{offset}")
        columns += [_mixed(name, at(offset, slot)) for slot in (_LOWER, _SHAPE, _SUFFIX_THREE)]
    columns += [_mixed(_constant(length, f"at{offset}"), at(offset, _LOWER)) for offset in (-3, 3)]
    pairs = [
        [(-1, _LOWER), (0, _LOWER)],
        [(0, _LOWER), (1, _LOWER)],
        [(-2, _LOWER), (-1, _LOWER)],
        [(1, _LOWER), (2, _LOWER)],
        [(-1, _LOWER), (0, _SHAPE)],
        [(0, _SHAPE), (1, _LOWER)],
        [(-2, _LOWER), (-1, _LOWER), (0, _SHAPE)],
        [(-1, _SHAPE), (0, _SHAPE), (1, _SHAPE)],
        [(0, _SHAPE), (1, _SHAPE), (2, _SHAPE)],
        [(-2, _SHAPE), (-1, _SHAPE), (0, _SHAPE)],
        [(-1, _SUFFIX_THREE), (0, _SHAPE)],
    ]
    for number, pair in enumerate(pairs):
        columns.append(_mixed(_constant(length, f"pair{number}"), *(at(offset, slot) for offset, slot in pair)))
    return columns


def _surroundings(words: Words, table: Ids, index: NDArray[np.intp], own: Ids) -> list[Ids]:
    length = len(index)
    shape = np.ascontiguousarray(own[:, _SHAPE])
    chunk_hashes = {chunk: _hash("k", _shape(chunk)) for chunk in set(words.chunks)}
    chunks = np.array([chunk_hashes[chunk] for chunk in words.chunks], dtype=np.uint32)
    starts = np.array(words.line_starts, dtype=np.intp)
    first_of_line = table[index[starts], _LOWER] if length else np.zeros(0, dtype=np.uint32)
    at_start = (starts == np.arange(length)).astype(np.uint32)
    case = np.full(length, 1 + words.caseless, dtype=np.uint32)
    gaps = [0, *(after[0] - before[1] for before, after in zip(words.spans, words.spans[1:], strict=False))]
    spaced = np.minimum(np.array(gaps[:length], dtype=np.int64), 2).astype(np.uint32)
    return [
        _constant(length, "bias"),
        _mixed(_constant(length, "chunk"), chunks),
        _mixed(_constant(length, "line"), first_of_line, shape),
        _mixed(_constant(length, "start"), at_start, shape),
        _mixed(_constant(length, "case"), case, shape),
        _mixed(_constant(length, "space"), spaced, shape),
    ]
