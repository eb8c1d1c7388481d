"""An embedder without a model: texts are near where they share words."""

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.sentences import terms


class WordEmbedder:
    """Hashes each text's terms into a vector of length one; implements `shared.embedding.Embedder`."""

    name = "words"
    dimensions = 512

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for term in terms(text):
                vectors[row, zlib.crc32(term.encode()) % self.dimensions] += 1.0
        unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return unit


def word_tokens(texts: Sequence[str]) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Like `MiniLM.tokens`, with words as tokens: each has the same direction wherever it stands."""
    found = []
    for text in texts:
        words = list(re.finditer(r"\w+", text))[:254]
        seeds = [zlib.crc32(word.group().lower().encode()) for word in words]
        states = [np.random.default_rng(seed).normal(size=48).astype(np.float32) for seed in (0, *seeds, 1)]
        places = [(0, 0), *(word.span() for word in words), (0, 0)]
        found.append((np.array(states), np.array(places, dtype=np.int64)))
    return found
