"""Small honest stand-ins for the trained models: they look at words, and know nothing of any test's expectation."""

import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from contracts.events import Evidence
from services.classification.rules.deciding import Scores
from services.classification.rules.mood import NEUTRAL, Mood
from services.validation.rules.confidence import Calibration

_COMMON = frozenset(
    ["an", "and", "are", "as", "at", "by", "can", "for", "from", "how", "in", "is", "my", "of", "the", "to", "you"]
)


def words_of(text: str) -> set[str]:
    """The words of a text that carry meaning, cut to their stem in the crudest way."""
    return {word[:6] for word in re.findall(r"[a-z]{2,}", text.lower()) if word not in _COMMON}


class FakeClassifier:
    """Knows intents by one telling phrase each; what has none of them is out of scope."""

    model_version = "words-1"

    def __init__(self, intents: Mapping[str, str], risks: Collection[str] = ()) -> None:
        self._intents = intents
        self._risks = risks

    def intents_of(self, texts: Sequence[str], language: str) -> list[tuple[str, float]]:
        """The first intent of each text that has one."""
        return [scores.intents[0] for text in texts if (scores := self.scores(text, language)).intents]

    def scores(self, text: str, language: str) -> Scores:
        """The intents whose phrases occur, in the order of their occurrence."""
        lower = text.lower()
        found = sorted((lower.index(phrase), name) for phrase, name in self._intents.items() if phrase in lower)
        names = list(dict.fromkeys(name for _, name in found))
        chances = [0.95, *[0.03] * (len(names) - 1)]
        return Scores(
            intents=tuple(zip(names, chances, strict=False)),
            out_of_scope=0.02 if names else 0.9,
            risks=tuple((f"intent:{name}", 0.9) for name in names if name in self._risks),
        )


def english(_: str, __: Collection[str]) -> tuple[str, float]:
    """A language detector for journeys whose customers write English."""
    return "en", 0.99


def unread(_: str, __: str) -> Mood:
    """Implements `ReadsMood`: every message is neutral."""
    return NEUTRAL


class WordEmbedder:
    """Words and pairs of neighbours, hashed into a vector of length one: texts are near that share them."""

    name = "words-1"
    dimensions = 512

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text."""
        return np.stack([self._vector(text) for text in texts])

    def embed_query(self, query: str, language: str) -> NDArray[np.float32]:
        """The vector of a query, whatever its language."""
        return self._vector(query)

    def _vector(self, text: str) -> NDArray[np.float32]:
        words = sorted(words_of(text))
        vector = np.zeros(self.dimensions, dtype=np.float32)
        for term in (*words, *(f"{a} {b}" for a, b in pairwise(words))):
            vector[zlib.crc32(term.encode()) % self.dimensions] += 1.0
        length = float(np.linalg.norm(vector))
        return vector / length if length else vector


class FakeSearch:
    """Passages by tenant, best first by how much of the query they share; none that share nothing."""

    index_version = "fake-1"

    def __init__(self, passages: Mapping[str, Sequence[Evidence]]) -> None:
        self._passages = passages

    async def search(
        self, tenant: str, query: str, vector: NDArray[np.float32], *, language: str = ""
    ) -> tuple[Evidence, ...]:
        """See `services.retrieval.ports.Search`."""
        asked = words_of(query)
        shares = [
            (len(asked & words_of(f"{passage.title} {passage.text}")), passage)
            for passage in self._passages.get(tenant, ())
        ]
        ordered = sorted((share for share in shares if share[0]), key=lambda share: -share[0])
        top = max((count for count, _ in ordered), default=1)
        return tuple(
            passage.model_copy(
                update={
                    "score": count / top,
                    "similarity": min(1.0, count / max(1, len(asked))),
                    "lexical": float(count),
                }
            )
            for count, passage in ordered
        )


class FakeCalibrations:
    """One confidence model for all tenants: sure where the claims are supported and nothing is left open."""

    def __init__(self) -> None:
        self._model = Calibration(
            version="words-1",
            trained_on="words",
            kind="evidence",
            features=("support", "unanswered"),
            means=(0.5, 0.0),
            scales=(0.1, 0.1),
            weights=(1.0, -1.0),
            intercept=0.0,
            sample_size=100,
        )

    def full(self, tenant: str) -> Calibration | None:
        """None was trained with intents."""
        return None

    def evidence(self, tenant: str) -> Calibration | None:
        """The model."""
        return self._model
