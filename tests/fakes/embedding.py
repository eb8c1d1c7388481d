"""An embedder without a model: texts are near where they share words."""

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
