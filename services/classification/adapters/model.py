"""The trained model of a pack: linear heads on two sentence embeddings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.classification.rules.deciding import Scores
from services.classification.rules.parts import meaning, parts
from shared.embedding import Embedder, Vectors

_ENGLISH = frozenset({"en", "und"})
Logits = NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """Two multinomial regressions over the same classes, one per embedding; both speak on English, one on the rest.

    Summing their logits is the product of experts (Hinton, 2002); `temperatures` (English, other) calibrate the sum
    (Guo et al., On Calibration of Modern Neural Networks, 2017).
    """

    english: Logits
    multilingual: Logits
    temperatures: tuple[float, float]

    def logits(self, english: Vectors | None, multilingual: Vectors) -> Logits:
        """One row of logits for each text; `english` is None where the text is not in English."""
        logits = affine(self.multilingual, multilingual)
        return logits if english is None else logits + affine(self.english, english)

    def probabilities(self, english: Vectors | None, multilingual: Vectors) -> Logits:
        """One row of class probabilities for each text."""
        return softmax(self.logits(english, multilingual) / self.temperatures[english is None])


@dataclass(frozen=True)
class Scope:
    """Whether a text is out of scope: what a regression says, and whether its nearest examples are.

    Distance to the nearest examples tells far-off texts better than any line does (Sun et al., Out-of-Distribution
    Detection with Deep Nearest Neighbors, ICML 2022). `stacking` weighs the two and has the intercept last.
    """

    head: Head
    english: Vectors
    multilingual: Vectors
    speaks_english: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    stacking: Logits

    def probability(self, english: Vectors | None, multilingual: Vectors) -> float:
        """For one text, as one row of each embedding."""
        logits = self.head.logits(english, multilingual)[0]
        similarity = multilingual @ self.multilingual.T
        if english is not None:
            both = (similarity + english @ self.english.T) / 2
            similarity = np.where(self.speaks_english, both, similarity)
        features = np.array([logits[1] - logits[0], nearness(similarity, self.outside)[0], 1.0])
        return float(1 / (1 + np.exp(-np.clip(features @ self.stacking, -30, 30))))


def nearness(similarity: Vectors, outside: NDArray[np.bool_]) -> Logits:
    """How much nearer each text (row) is to the examples outside than to those inside; the mean of the best three."""
    sides = [np.sort(similarity[:, side], axis=1)[:, -3:].mean(axis=1) for side in (outside, ~outside)]
    difference: Logits = (sides[0] - sides[1]).astype(np.float64)
    return difference


@dataclass(frozen=True)
class Model:
    """Everything that was learned for a pack. A head is None where the pack gives nothing to learn it from.

    `intents` and `risks` name the heads' classes; risk 0 is "none", the others are as in `Scores`.
    `whole_threshold` and `part_threshold` are the probabilities of any risk from which a text, or a part of it,
    counts as risky.
    """

    intents: tuple[str, ...]
    intent_head: Head | None
    scope: Scope | None
    risks: tuple[str, ...]
    risk_head: Head | None
    part_weights: Logits
    whole_threshold: float
    part_threshold: float
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
        whole = meaning(text)
        english = self._english.embed([whole]) if language in _ENGLISH else None
        vectors = self._multilingual.embed([whole, *parts(text)])
        return Scores(
            intents=self._intents(english, vectors[:1]),
            out_of_scope=self._out_of_scope(english, vectors[:1]),
            risks=self._risks(english, vectors),
        )

    def _intents(self, english: Vectors | None, multilingual: Vectors) -> tuple[tuple[str, float], ...]:
        if self._model.intent_head is None:
            return ()
        chances = self._model.intent_head.probabilities(english, multilingual)[0]
        ranked = sorted(zip(self._model.intents, chances.tolist(), strict=True), key=lambda item: -item[1])
        return tuple(ranked[:10])

    def _out_of_scope(self, english: Vectors | None, multilingual: Vectors) -> float:
        scope = self._model.scope
        return 0.0 if scope is None else scope.probability(english, multilingual)

    def _risks(self, english: Vectors | None, vectors: Vectors) -> tuple[tuple[str, float], ...]:
        """The likeliest risk, where the whole text or one of its parts is beyond its threshold, and any as likely."""
        model = self._model
        if model.risk_head is None:
            return ()
        whole = model.risk_head.probabilities(english, vectors[:1])[0]
        chances = whole if 1 - whole[0] >= model.whole_threshold else np.zeros_like(whole)
        if len(vectors) > 1:
            by_part = softmax(affine(model.part_weights, vectors[1:]))
            worst = by_part[np.argmin(by_part[:, 0])]
            if 1 - worst[0] >= model.part_threshold:
                chances = np.maximum(chances, worst)
        likeliest = float(chances[1:].max(initial=0.0))
        return tuple(
            (name, float(chance))
            for name, chance in zip(model.risks[1:], chances[1:].tolist(), strict=True)
            if chance > 0 and chance >= likeliest / 2
        )


def affine(weights: Logits, vectors: Vectors) -> Logits:
    """Weights have one row per class and the intercept in the last column."""
    product: Logits = vectors.astype(np.float64) @ weights[:, :-1].T + weights[:, -1]
    return product


def softmax(logits: Logits) -> Logits:
    """Probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    normed: Logits = raised / raised.sum(axis=-1, keepdims=True)
    return normed
