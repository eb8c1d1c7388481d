"""The baseline of retrieval: BM25 and MiniLM over whole documents, fused by reciprocal rank."""

import re
from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.embedding import Embedder, Vectors

K1, B = 1.2, 0.75
DEPTH = 100
FUSION_CONSTANT = 60
_WORD = re.compile(r"\w+")


class Bm25:
    """Okapi BM25 with the customary parameters over lower-case words, neither stemmed nor stopped.

    As in Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), with Lucene's positive idf.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        places: dict[str, array[int]] = {}
        counts: dict[str, array[int]] = {}
        lengths = np.zeros(len(texts))
        for number, text in enumerate(texts):
            words = Counter(_WORD.findall(text.lower()))
            lengths[number] = words.total()
            for word, count in words.items():
                places.setdefault(word, array("I")).append(number)
                counts.setdefault(word, array("I")).append(count)
        self._places, self._counts = places, counts
        self._length_penalty = K1 * (1 - B + B * lengths / max(1.0, float(lengths.mean())))

    def scores(self, query: str) -> NDArray[np.float64]:
        """The score of each text; a word that is asked twice counts twice."""
        total = len(self._length_penalty)
        scores = np.zeros(total)
        for word, asked in Counter(_WORD.findall(query.lower())).items():
            if word in self._places:
                where = np.frombuffer(self._places[word], dtype=np.uint32)
                count = np.frombuffer(self._counts[word], dtype=np.uint32)
                rarity = np.log(1 + (total - len(where) + 0.5) / (len(where) + 0.5))
                scores[where] += asked * rarity * count * (K1 + 1) / (count + self._length_penalty[where])
        return scores


class FusedBaseline:
    """Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009) of the first hundred of both."""

    def __init__(self, texts: Sequence[str], vectors: Vectors, embedder: Embedder) -> None:
        """`vectors` are those that `embedder` gives the `texts`, row by row."""
        self._bm25, self._vectors, self._embedder = Bm25(texts), vectors, embedder

    def ranked(self, query: str) -> list[int]:
        """The numbers of the texts, best first."""
        words = self._bm25.scores(query)
        by_words = [int(n) for n in np.argsort(-words, kind="stable")[:DEPTH] if words[n] > 0]
        cosines = self._vectors @ self._embedder.embed([query])[0]
        fused: dict[int, float] = {}
        for ranking in (by_words, [int(n) for n in np.argsort(-cosines, kind="stable")[:DEPTH]]):
            for place, number in enumerate(ranking, start=1):
                fused[number] = fused.get(number, 0.0) + 1 / (FUSION_CONSTANT + place)
        return sorted(fused, key=lambda number: -fused[number])
