"""Judges texts: whole ones with embeddings, single sentences by their words alone."""

from dataclasses import dataclass

import numpy as np

from shared.embedding import Embedder
from shared.injection.model import (
    Model,
    Units,
    cues_of,
    logits_of,
    planted_logits,
    shipped_model,
    spot_features,
    texts_of,
    weigh,
    whole_features,
)
from shared.injection.reading import read

WHOLE_CHARACTERS_MAX = 1_000
EXCERPT_CHARACTERS_MAX = 200


@dataclass(frozen=True)
class Judgement:
    """How likely a text tries to steer a model, 0 to 1, whether that is an alarm, and its most suspicious segment."""

    probability: float
    alarm: bool
    excerpt: str


class InjectionDetector:
    """Tells texts that give a model orders from those that ask people for help.

    Linear models on hashed n-grams and on a multilingual embedding, of the whole text and of each segment, with
    phrases and with how little a segment belongs to the rest, stacked (Wolpert, Stacked Generalization, 1992).
    Safe to call from several threads, on any text; reads at most 12,000 characters and embeds at most 25 pieces.
    """

    def __init__(self, embedder: Embedder, model: Model | None = None) -> None:
        """`embedder` is the multilingual one that the model was trained with; `model` the shipped one, if not given."""
        self._embedder = embedder
        self._model = model or shipped_model()

    def judge(self, text: str) -> Judgement:
        """The verdict on one text."""
        reading = read(text)
        texts = texts_of(reading)
        vectors = self._embedder.embed([one[:WHOLE_CHARACTERS_MAX] for one in texts])
        units = Units(reading, vectors, cues_of(texts), logits_of(self._model, texts, vectors))
        planted = planted_logits(self._model.segment, units)
        spotted = weigh(self._model.spot, spot_features(units.logits[:, 0], units.cues))
        logit = float(weigh(self._model.whole, whole_features(units, planted, spotted)[None, :])[0])
        probability = 1 / (1 + float(np.exp(-logit)))
        worst = texts[1 + int(np.argmax(planted + spotted[1:]))] if reading.closely else reading.text
        return Judgement(probability, probability >= self._model.threshold, worst[:EXCERPT_CHARACTERS_MAX])
