"""What a claim is compared with: the sentences of its source, and in which of them each word stands."""

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.validation.rules.words import Words, read_words
from shared.sentences import split_sentences

SOURCE_CHARACTERS_MAX = 24_000
SENTENCES_MAX = 400
# Even a word that stands everywhere counts a little.
RARITY_MIN = 0.3


class Rarity:
    """How telling a word is: the logarithm of how few texts have it (Spärck Jones, 1972), by the word's hash."""

    def __init__(self, by_hash: NDArray[np.float64]) -> None:
        self._by_hash = by_hash
        self._known: dict[str, float] = {}

    def __call__(self, stem: str) -> float:
        """At least RARITY_MIN; most for a word that no text had at training."""
        found = self._known.get(stem)
        if found is None:
            found = RARITY_MIN + float(self._by_hash[bucket(stem, len(self._by_hash))])
            if len(self._known) < 100_000:
                self._known[stem] = found
        return found


def bucket(stem: str, buckets: int) -> int:
    """The place of a word in a hashed table."""
    return zlib.crc32(stem.encode()) % buckets


@dataclass(frozen=True)
class Source:
    """A text to be cited, read once. `where` has the sentences that each stem stands in, by their index."""

    text: str
    sentences: Sequence[str]
    words: Sequence[Words]
    stems: Sequence[frozenset[str]]
    lower: frozenset[str]
    numbers: frozenset[str]
    pairs: Collection[tuple[str, str]]
    triples: Collection[tuple[str, str, str]]
    beginnings: Collection[str]
    flat: str
    length: int
    where: Mapping[str, Sequence[int]] = field(repr=False)

    def nearest(self, stems: Collection[str], rarity: Rarity) -> list[int]:
        """The sentences that share any of the stems, by the rarity of what they share, most first."""
        shared: dict[int, float] = {}
        for one in sorted(stems):
            for index in self.where.get(one, ()):
                shared[index] = shared.get(index, 0.0) + rarity(one)
        return sorted(shared, key=lambda index: (-shared[index], index))


def read_source(text: str) -> Source:
    """Reads the first SOURCE_CHARACTERS_MAX characters, at most SENTENCES_MAX sentences."""
    text = text[:SOURCE_CHARACTERS_MAX]
    sentences = [one.text for one in split_sentences(text)[:SENTENCES_MAX]] or [text]
    words = [read_words(sentence) for sentence in sentences]
    lower = [word for one in words for word in one.lower]
    stems = [frozenset(one.stems) - {""} for one in words]
    where: dict[str, list[int]] = {}
    for index, found in enumerate(stems):
        for stem in found:
            where.setdefault(stem, []).append(index)
    return Source(
        text=text,
        sentences=sentences,
        words=words,
        stems=stems,
        lower=frozenset(lower),
        numbers=frozenset(value for one in words for value in one.numbers) - {""},
        pairs=set(pairwise(lower)),
        triples=set(zip(lower, lower[1:], lower[2:], strict=False)),
        beginnings={stem[:4] for stem in where if len(stem) >= 5},
        flat=f" {' '.join(lower)} ",
        length=len(lower),
        where=where,
    )
