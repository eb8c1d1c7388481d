"""Encodes each text once, however many heads are trained on it."""

from collections.abc import Sequence

import numpy as np

from services.classification.adapters.features import Encoded, encode, reads_english
from services.classification.rules.reading import read
from shared.embedding import Embedder
from shared.language import detect_language


class Encoding:
    """Turns texts into `Encoded`, with the language of each told as for a ticket."""

    def __init__(self, english: Embedder, multilingual: Embedder, languages: Sequence[str]) -> None:
        self._english = _Once(english)
        self._multilingual = _Once(multilingual)
        self._languages = languages

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """One row for each text."""
        speaks = [reads_english(detect_language(text, self._languages)[0]) for text in texts]
        return encode([read(text) for text in texts], speaks, self._english, self._multilingual)


class _Once:
    """An embedder that keeps what it has embedded."""

    def __init__(self, embedder: Embedder) -> None:
        self.name = embedder.name
        self.dimensions = embedder.dimensions
        self._embedder = embedder
        self._known: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = {}

    def embed(self, texts: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known.update(zip(missing, self._embedder.embed(missing), strict=True))
        return np.array([self._known[text] for text in texts], dtype=np.float32).reshape(len(texts), self.dimensions)
