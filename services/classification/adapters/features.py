"""Texts as numbers: two families of embeddings, hashed words, and the space that a head weighs them in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.classification.rules import surface
from services.classification.rules.reading import Reading
from shared.embedding import Embedder, Vectors

ENGLISH_CHARACTERS_MAX = 300
# Widths of what the hashed counts are folded into; inner products survive to about 1/sqrt(width).
WIDTHS = {"words": 1024, "pieces": 512, "lines": 512}
_FOLDING_SEED = 7
_ENGLISH = frozenset({"en", "und"})
_COUNTING: Mapping[str, Callable[[str], surface.Counts]] = {
    "words": surface.words,
    "pieces": surface.pieces,
    "lines": surface.lines,
}

Rows = NDArray[np.bool_] | NDArray[np.int64]
Numbers = NDArray[np.float64]


def reads_english(language: str) -> bool:
    """Whether the English embedding is used on a text of this language (a BCP 47 tag)."""
    return language in _ENGLISH


@dataclass(frozen=True)
class Encoded:
    """Texts as blocks of numbers, a row each; `english` says whose English embeddings are there (others are nought)."""

    english: NDArray[np.bool_]
    dense: Mapping[str, Vectors]
    counts: Mapping[str, Any]
    """Sparse counts by bucket, for each of WIDTHS."""

    def take(self, rows: Rows) -> "Encoded":
        """The same for some of the texts."""
        return Encoded(
            self.english[rows],
            {name: block[rows] for name, block in self.dense.items()},
            {name: block[rows] for name, block in self.counts.items()},
        )

    def __len__(self) -> int:
        return len(self.english)


def encode(
    readings: Sequence[Reading], speaks_english: Sequence[bool], english: Embedder, multilingual: Embedder
) -> Encoded:
    """Blocks `english_head`, `english_prose`, `multilingual_head`, `multilingual_prose`, `layout`, and the counts."""
    speaks = np.array(speaks_english, dtype=bool)
    count = len(readings)
    layout = np.array([surface.layout(one.raw) for one in readings], dtype=np.float32)
    dense: dict[str, Vectors] = {"layout": layout.reshape(count, surface.LAYOUT_FEATURES)}
    # Both in one call, since mostly they are the same.
    texts = [one.head for one in readings] + [one.prose for one in readings]
    spoken = np.tile(speaks, 2)
    both = np.zeros((2 * count, english.dimensions), dtype=np.float32)
    if spoken.any():
        both[spoken] = _embed_once(english, [texts[row][:ENGLISH_CHARACTERS_MAX] for row in np.flatnonzero(spoken)])
    dense["english_head"], dense["english_prose"] = both[:count], both[count:]
    both = _embed_once(multilingual, texts)
    dense["multilingual_head"], dense["multilingual_prose"] = both[:count], both[count:]
    return Encoded(speaks, dense, {name: _counts(counting, readings) for name, counting in _COUNTING.items()})


def _embed_once(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    distinct = list(dict.fromkeys(texts))
    place = {text: row for row, text in enumerate(distinct)}
    vectors: Vectors = embedder.embed(distinct)[[place[text] for text in texts]]
    return vectors


def _counts(count: Callable[[str], surface.Counts], readings: Sequence[Reading]) -> Any:
    counted = [count(one.raw) for one in readings]
    starts = np.cumsum([0, *(len(one) for one in counted)])
    buckets = np.array([bucket for one in counted for bucket in one], dtype=np.int32)
    values = np.array([value for one in counted for value in one.values()], dtype=np.float32)
    return csr_matrix((values, buckets, starts), shape=(len(readings), surface.BUCKETS))


@dataclass(frozen=True)
class Space:
    """Blocks weighed, side by side, and turned into fewer dimensions; distances there are what heads learn from.

    `weights` are the shares of the blocks in a squared length of about one, in the order in which they stand.
    `rarity` weighs each bucket by the inverse document frequency; `center` and `scale` are the layout's.
    `basis` holds the directions that matter, one a column.
    """

    weights: Mapping[str, float]
    rarity: Mapping[str, Vectors]
    center: Vectors
    scale: Vectors
    basis: Vectors

    def project(self, texts: Encoded) -> Vectors:
        """One row for each text."""
        projected: Vectors = assemble(texts, self.weights, self.rarity, self.center, self.scale) @ self.basis
        return projected


def assemble(
    texts: Encoded, weights: Mapping[str, float], rarity: Mapping[str, Vectors], center: Vectors, scale: Vectors
) -> Vectors:
    """The weighed blocks side by side, before they are turned into fewer dimensions."""
    shares = {name: np.float32(np.sqrt(share)) for name, share in weights.items()}
    return np.hstack([_block(texts, name, rarity, center, scale) * root for name, root in shares.items()])


def _block(texts: Encoded, name: str, rarity: Mapping[str, Vectors], center: Vectors, scale: Vectors) -> Vectors:
    if name in WIDTHS:
        return _folded(texts.counts[name], rarity[name], WIDTHS[name])
    if name == "layout":
        standard = np.clip((texts.dense[name] - center) / scale, -3.0, 3.0)
        return np.asarray(standard / np.sqrt(surface.LAYOUT_FEATURES), dtype=np.float32)
    return texts.dense[name]


def _folded(counts: Any, rarity: Vectors, width: int) -> Vectors:
    """Weighed counts of length one, folded with random signs into `width` columns."""
    column, sign = _folding(width)
    values = counts.data * rarity[counts.indices]
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    length = np.sqrt(np.bincount(row, values**2, minlength=counts.shape[0]))
    place = row * width + column[counts.indices]
    folded = np.bincount(place, values * sign[counts.indices], minlength=counts.shape[0] * width)
    unit: Vectors = (folded.reshape(-1, width) / np.maximum(length, 1e-9)[:, None]).astype(np.float32)
    return unit


@lru_cache(maxsize=len(WIDTHS))
def _folding(width: int) -> tuple[NDArray[np.int64], Vectors]:
    draw = np.random.default_rng(_FOLDING_SEED)
    column = draw.integers(0, width, surface.BUCKETS)
    return column, draw.choice(np.array([-1.0, 1.0], dtype=np.float32), surface.BUCKETS)
