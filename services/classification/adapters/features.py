"""Texts as numbers: two families of embeddings, hashed words, and the space that a head weighs them in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from services.classification.rules import surface
from services.classification.rules.reading import Reading
from shared.embedding import Embedder, Vectors, middle_of

ENGLISH_CHARACTERS_MAX = 300
# Widths of what the hashed counts are folded into; inner products survive to about 1/sqrt(width).
WIDTHS = {"words": 1024, "pieces": 512, "title_words": 1024, "body_words": 2048, "lines": 1024}
# Blocks whose columns differ widely in scale: each column is centred and divided by its spread.
STANDARDISED = frozenset({"layout", "english_middle_head", "english_middle_prose"})
_FOLDING_SEED = 7
_ENGLISH = frozenset({"en", "und"})
_COUNTING: Mapping[str, Callable[[Reading], surface.Counts]] = {
    "words": lambda one: surface.words(one.raw),
    "pieces": lambda one: surface.pieces(one.raw),
    "title_words": lambda one: surface.words(one.head),
    "body_words": lambda one: surface.words(one.body),
    "lines": lambda one: surface.lines(one.raw),
}

Rows = NDArray[np.bool_] | NDArray[np.int64]
Places = NDArray[np.int64]
Numbers = NDArray[np.float64]


def reads_english(language: str) -> bool:
    """Whether the English embedding is used on a text of this language (a BCP 47 tag)."""
    return language in _ENGLISH


class Once:
    """An embedder that keeps what it has embedded."""

    def __init__(self, embedder: Embedder) -> None:
        self.name = embedder.name
        self.dimensions = embedder.dimensions
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}
        self._middle: Once | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        if missing := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self._known.update(zip(missing, self._embedder.embed(missing), strict=True))
        return np.array([self._known[text] for text in texts], dtype=np.float32).reshape(len(texts), self.dimensions)

    def middle(self) -> Embedder:
        """See `shared.embedding.middle_of`."""
        if self._middle is None:
            self._middle = Once(middle_of(self._embedder))
        return self._middle


class _Block:
    """Numbers for each of `count` texts, each row made when somebody first asks for it."""

    def __init__(self, count: int, make: Callable[[Places], Any], stack: Callable[[Sequence[Any]], Any]) -> None:
        self._make = make
        self._stack = stack
        self._place = np.full(count, -1, dtype=np.int64)
        self._made: Any = None

    def rows(self, wanted: Places) -> Any:
        missing = np.unique(wanted[self._place[wanted] < 0])
        if self._made is None or len(missing):
            made = self._make(missing)
            known = 0 if self._made is None else self._made.shape[0]
            self._place[missing] = known + np.arange(len(missing))
            self._made = made if self._made is None else self._stack([self._made, made])
        return self._made[self._place[wanted]]


@dataclass(frozen=True)
class Encoded:
    """Texts as blocks of numbers, a row each. A block is computed when it is first asked for, and only for the rows
    asked for: what no head reads costs no time. `english` says whose English embeddings are not nought. `characters`
    are the lengths of the prose, which say how long embedding takes."""

    english: NDArray[np.bool_]
    characters: Places
    _blocks: Mapping[str, _Block]
    _rows: Places

    def take(self, rows: Rows) -> "Encoded":
        """The same for some of the texts."""
        return Encoded(self.english[rows], self.characters[rows], self._blocks, self._rows[rows])

    def dense(self, name: str) -> Vectors:
        """The block `english_head`, `english_prose`, `english_middle_head`, `english_middle_prose`,
        `multilingual_head`, `multilingual_prose` or `layout`."""
        found: Vectors = self._blocks[name].rows(self._rows)
        return found

    def counts(self, name: str) -> Any:
        """Sparse counts by bucket, for each of WIDTHS."""
        return self._blocks[name].rows(self._rows)

    def __len__(self) -> int:
        return len(self.english)


def encode(
    readings: Sequence[Reading], speaks_english: Sequence[bool], english: Embedder, multilingual: Embedder
) -> Encoded:
    """What can be asked about these texts; see `Encoded`."""
    speaks = np.array(speaks_english, dtype=bool)
    # Title and prose are the same for short texts; these are embedded once.
    english = english if isinstance(english, Once) else Once(english)
    multilingual = multilingual if isinstance(multilingual, Once) else Once(multilingual)
    everybody = np.ones(len(readings), dtype=bool)
    heads, prose = [one.head for one in readings], [one.prose for one in readings]
    cut = ENGLISH_CHARACTERS_MAX
    embedded: dict[str, tuple[Callable[[], Embedder], list[str], NDArray[np.bool_]]] = {
        "english_head": (lambda: english, [text[:cut] for text in heads], speaks),
        "english_prose": (lambda: english, [text[:cut] for text in prose], speaks),
        "english_middle_head": (english.middle, heads, speaks),
        "english_middle_prose": (english.middle, prose, speaks),
        "multilingual_head": (lambda: multilingual, heads, everybody),
        "multilingual_prose": (lambda: multilingual, prose, everybody),
    }
    makes = {name: partial(_embedded, *how) for name, how in embedded.items()}
    makes["layout"] = partial(_layout, readings)
    blocks = {name: _Block(len(readings), make, np.vstack) for name, make in makes.items()}
    for name, counting in _COUNTING.items():
        blocks[name] = _Block(len(readings), partial(_counts, counting, readings), partial(vstack, format="csr"))
    characters = np.array([len(text) for text in prose], dtype=np.int64)
    return Encoded(speaks, characters, blocks, np.arange(len(readings)))


def _embedded(
    embedder: Callable[[], Embedder], texts: Sequence[str], spoken: NDArray[np.bool_], rows: Places
) -> Vectors:
    found = embedder()
    vectors = np.zeros((len(rows), found.dimensions), dtype=np.float32)
    if spoken[rows].any():
        vectors[spoken[rows]] = found.embed([texts[row] for row in rows[spoken[rows]]])
    return vectors


def _layout(readings: Sequence[Reading], rows: Places) -> Vectors:
    found = np.array([surface.layout(readings[row].raw) for row in rows], dtype=np.float32)
    return found.reshape(len(rows), surface.LAYOUT_FEATURES)


def _counts(count: Callable[[Reading], surface.Counts], readings: Sequence[Reading], rows: Places) -> Any:
    counted = [count(readings[row]) for row in rows]
    starts = np.cumsum([0, *(len(one) for one in counted)])
    buckets = np.array([bucket for one in counted for bucket in one], dtype=np.int32)
    values = np.array([value for one in counted for value in one.values()], dtype=np.float32)
    return csr_matrix((values, buckets, starts), shape=(len(rows), surface.BUCKETS))


@dataclass(frozen=True)
class Space:
    """Blocks weighed, side by side, and turned into fewer dimensions; distances there are what heads learn from.

    `weights` are the shares of the blocks in a squared length of about one, in the order in which they stand.
    `rarity` weighs the buckets of each block of counts; `center` and `scale` are those of the STANDARDISED blocks.
    `basis` holds the directions that matter, one a column.
    """

    weights: Mapping[str, float]
    rarity: Mapping[str, Vectors]
    center: Mapping[str, Vectors]
    scale: Mapping[str, Vectors]
    basis: Vectors

    def project(self, texts: Encoded) -> Vectors:
        """One row for each text."""
        projected: Vectors = assemble(texts, self.weights, self.rarity, self.center, self.scale) @ self.basis
        return projected


def assemble(
    texts: Encoded,
    weights: Mapping[str, float],
    rarity: Mapping[str, Vectors],
    center: Mapping[str, Vectors],
    scale: Mapping[str, Vectors],
) -> Vectors:
    """The weighed blocks side by side, before they are turned into fewer dimensions."""
    shares = {name: np.float32(np.sqrt(share)) for name, share in weights.items()}
    return np.hstack([_block(texts, name, rarity, center, scale) * root for name, root in shares.items()])


def _block(
    texts: Encoded,
    name: str,
    rarity: Mapping[str, Vectors],
    center: Mapping[str, Vectors],
    scale: Mapping[str, Vectors],
) -> Vectors:
    if name in WIDTHS:
        return _folded(texts.counts(name), rarity[name], WIDTHS[name])
    block = texts.dense(name)
    if name not in STANDARDISED:
        return block
    standard = np.clip((block - center[name]) / scale[name], -3.0, 3.0)
    return np.asarray(standard / np.sqrt(block.shape[1]), dtype=np.float32)


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
