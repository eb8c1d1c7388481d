"""The trained model of a pack: experts on intents, scope and risks over embeddings and hashed words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.classification.adapters.features import Encoded, encode, reads_english
from services.classification.adapters.heads import ARTICLES_MAX, Expert, softmax
from services.classification.rules.deciding import Scores
from services.classification.rules.parts import parts
from services.classification.rules.reading import Reading, read
from shared.embedding import Embedder, Vectors

Numbers = NDArray[np.float64]
_INTENTS_MAX = 10
_LOOKED_AT_MAX = 3


@dataclass(frozen=True)
class Pair:
    """One expert for English, which reads every embedding, and one for the other languages."""

    english: Expert
    other: Expert

    def on(self, texts: Encoded) -> Expert:
        """The expert for these texts, which are all of one language."""
        return self.english if texts.english[0] else self.other


@dataclass(frozen=True)
class Risks:
    """What sees risks. `names` are the classes: 0 is "none", the others are as in `Scores`.

    `whole_threshold` and `part_threshold` are the probabilities of any risk from which a text, or a part of it, counts
    as risky. `part_weights` are a regression on the multilingual embedding, a column a class, the intercept last; it
    is cheap and coarse, and says which parts the experts look at.
    """

    names: tuple[str, ...]
    pair: Pair
    part_weights: Numbers
    whole_threshold: float
    part_threshold: float

    def suspicious(self, part_vectors: Vectors) -> list[int]:
        """The numbers of the few parts that look riskiest, by their multilingual embeddings (a row each)."""
        coarse = softmax(part_vectors.astype(np.float64) @ self.part_weights[:-1] + self.part_weights[-1])
        return [int(number) for number in np.argsort(coarse[:, 0], kind="stable")[:_LOOKED_AT_MAX]]

    def of(self, whole: Encoded, suspects: Encoded | None) -> tuple[tuple[str, float], ...]:
        """The likeliest risk, where the whole text or one of its parts is beyond its threshold, and any as likely."""
        chances = self._seen(whole, self.whole_threshold)
        if suspects is not None:
            chances = np.maximum(chances, self._seen(suspects, self.part_threshold))
        likeliest = float(chances[1:].max(initial=0.0))
        return tuple(
            (name, float(chance))
            for name, chance in zip(self.names[1:], chances[1:].tolist(), strict=True)
            if chance > 0 and chance >= likeliest / 2
        )

    def _seen(self, texts: Encoded, threshold: float) -> Numbers:
        """The chances of each class for the riskiest of the texts; nought where it is below the threshold."""
        expert = self.pair.on(texts)
        chances = expert.probabilities(expert.judge(texts).scores)
        worst: Numbers = chances[np.argmin(chances[:, 0])]
        return worst if 1 - worst[0] >= threshold else np.zeros_like(worst)


@dataclass(frozen=True)
class Model:
    """Everything that was learned for a pack; None where the pack gives nothing to learn it from.

    `intents` and `articles` name what the experts of `pair` tell apart.
    """

    intents: tuple[str, ...]
    articles: tuple[str, ...]
    pair: Pair | None
    risks: Risks | None
    version: str


class TrainedClassifier:
    """Implements `Classifier`."""

    def __init__(self, model: Model, english: Embedder, multilingual: Embedder) -> None:
        self._model = model
        self._english = english
        self._multilingual = multilingual
        self.model_version = model.version

    def scores(self, text: str, language: str) -> Scores:
        """See `Classifier.scores`."""
        encoded = self._encode([read(text)], language)
        return replace(self._understood(encoded), risks=self._risks(text, language, encoded))

    def intents_of(self, texts: Sequence[str], language: str) -> list[tuple[str, float]]:
        """See `Classifier.intents_of`."""
        if self._model.pair is None or not texts:
            return []
        return [self._understood(self._encode([read(text)], language)).intents[0] for text in texts]

    def _encode(self, readings: list[Reading], language: str) -> Encoded:
        return encode(readings, [reads_english(language)] * len(readings), self._english, self._multilingual)

    def _understood(self, encoded: Encoded) -> Scores:
        """Intents, articles and scope of the one text, without risks."""
        if self._model.pair is None:
            return Scores()
        expert = self._model.pair.on(encoded)
        judgement = expert.judge(encoded)
        articles: tuple[tuple[str, float], ...] = ()
        if expert.answers is not None:
            articles = _ranked(self._model.articles, expert.answers.chances(judgement.articles)[0])[:ARTICLES_MAX]
        return Scores(
            intents=_ranked(self._model.intents, expert.probabilities(judgement.scores)[0])[:_INTENTS_MAX],
            articles=articles,
            out_of_scope=float(expert.chance_outside(judgement.evidence)[0]),
        )

    def _risks(self, text: str, language: str, encoded: Encoded) -> tuple[tuple[str, float], ...]:
        risks = self._model.risks
        if risks is None:
            return ()
        found = parts(text)
        if not found:
            return risks.of(encoded, None)
        suspects = risks.suspicious(self._multilingual.embed(found))
        return risks.of(encoded, self._encode([read(found[number]) for number in suspects], language))


def _ranked(names: Sequence[str], chances: Numbers) -> tuple[tuple[str, float], ...]:
    """Names with their chances, most probable first."""
    return tuple(sorted(zip(names, chances.tolist(), strict=True), key=lambda item: -item[1]))
