"""One vector space of three models: two for meaning in English, one to find English articles in other languages."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from services.retrieval.rules.query import aspects
from shared.bert import BGE_QUESTION, BGESmall, MiniLM
from shared.embedding import MultilingualUSE, Remembering, Vectors

# What each model's cosine counts. MiniLM knows short questions, BGE passages of large collections; both together stay
# near the better one on each. Chosen by nDCG@10 on six public sets and a pack's examples; .1 more or less changes
# little.
_MINILM, _BGE, _USE = 0.35, 0.5, 0.15
_ENGLISH = frozenset({"en", "und"})
_BESIDE_AT_ONCE = 2
# More of a question than this changes nothing that BGE finds, and takes time.
_BGE_QUESTION_WORDS = 70

# BGE's cosine of texts that have nothing in common; that of the other models is near 0.
_UNRELATED = 0.5 * _BGE

ENGLISH_DIMENSIONS = MiniLM.dimensions + BGESmall.dimensions
"""How much of the beginning of a vector the English models make."""


class PassageEmbedder:
    """Passages carry the models' vectors side by side, so that a query may use all or the multilingual one alone."""

    dimensions = ENGLISH_DIMENSIONS + MultilingualUSE.dimensions
    name = f"{MiniLM.name}*{_MINILM}+{BGESmall.name}*{_BGE}+{MultilingualUSE.name}"

    def __init__(self) -> None:
        self._sentences = Remembering(MiniLM(one_by_one=True), capacity=256)
        self._passages = Remembering(BGESmall(), capacity=256)
        self._multilingual = Remembering(MultilingualUSE(), capacity=256)
        # BGE takes as long as the others together, so it works beside them.
        self._beside = ThreadPoolExecutor(_BESIDE_AT_ONCE, thread_name_prefix="bge")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each passage, of length one."""
        passages = self._beside.submit(self._passages.embed, texts)
        sentences, multilingual = self._sentences.embed(texts), self._multilingual.embed(texts)
        return np.hstack([_share(sentences, _MINILM), _share(passages.result(), _BGE), _share(multilingual, _USE)])

    def embed_query(self, query: str, language: str) -> Vectors:
        """The query's vector; where the English models do not know the language, only the multilingual part counts."""
        pieces = aspects(query)
        if language not in _ENGLISH:
            # Scaled so that the inner product with a passage is the multilingual model's cosine.
            multilingual = _mean(self._multilingual.embed(pieces)) / np.float32(_USE**0.5)
            return np.concatenate([np.zeros(ENGLISH_DIMENSIONS, dtype=np.float32), multilingual])
        beside = self._beside.submit(self._passages.embed, [BGE_QUESTION + _beginning(piece) for piece in pieces])
        sentences, multilingual = _mean(self._sentences.embed(pieces)), _mean(self._multilingual.embed(pieces))
        passages = _mean(beside.result())
        return np.concatenate([_share(sentences, _MINILM), _share(passages, _BGE), _share(multilingual, _USE)])


def likeness(cosine: float, english_cosine: float) -> float:
    """The cosine of a question and a passage, so that it says about 0 of what has nothing in common in any language.

    Args:
        cosine: the inner product of their vectors.
        english_cosine: the part of it that the English models make; 0 where they were not asked.
    """
    return cosine if english_cosine == 0.0 else (cosine - _UNRELATED) / (1.0 - _UNRELATED)


def _beginning(text: str) -> str:
    return " ".join(text.split()[:_BGE_QUESTION_WORDS])


def _share(vectors: Vectors, weight: float) -> Vectors:
    shared: Vectors = vectors * np.float32(weight**0.5)
    return shared


def _mean(vectors: Vectors) -> Vectors:
    mean = vectors.mean(axis=0)
    unit: Vectors = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
    return unit
