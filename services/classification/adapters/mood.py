"""The shipped model of urgency and sentiment: one for all packs and languages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.classification.adapters.features import reads_english
from services.classification.adapters.heads import softmax
from services.classification.rules.mood import CUES, NEUTRAL, Mood, cue_values, sentences_of
from services.classification.rules.reading import read
from shared.embedding import Embedder, middle_of

Numbers = NDArray[np.float64]

MODEL_FILE = Path(__file__).parent.parent / "mood.json"
FORMAT = 1
# The order of a head's columns.
CLASSES = (-1, 0, 1)
_SPREADS = 3.0
_CUE_SHARE = 3.0
# Leads nearer than this to a decision point are looked at again with the English model's middle layer, which costs
# more than all the rest: cross-validated, one English text in six for each head. Looking at all of them is worth .02.
UNSURE_WITHIN = 0.15


class MoodModelUnreadable(Exception):
    """The file of the model's numbers is missing or of another version."""


@dataclass(frozen=True)
class Head:
    """A multinomial regression: `weights` has a row for each feature, the intercept last, and a column for each class.

    The lower class is decided for where its lead over the upper one is at most -`lower_from`, the upper one where it
    is at least `upper_from`; leads are differences of probabilities.
    """

    weights: Numbers
    lower_from: float
    upper_from: float

    def lead(self, features: Numbers) -> float:
        """P(upper) - P(lower) of one row of features, from -1 to 1."""
        return float(leads(features @ self.weights[:-1] + self.weights[-1]))

    def unsure(self, lead: float) -> bool:
        """Whether a lead is near one of the decision points."""
        return min(abs(lead + self.lower_from), abs(lead - self.upper_from)) < UNSURE_WITHIN

    def decided(self, lead: float) -> int:
        """The class that a lead stands for."""
        return int(decide(np.array(lead), self.lower_from, self.upper_from))


def leads(scores: Numbers) -> Numbers:
    """P(upper) - P(lower) of each row of scores, a column for each of CLASSES."""
    chances = softmax(scores)
    lead: Numbers = chances[..., 2] - chances[..., 0]
    return lead


def decide(lead: Numbers, lower_from: float, upper_from: float) -> NDArray[np.int64]:
    """The classes that leads stand for; see `Head`."""
    return np.where(lead >= upper_from, 1, np.where(lead <= -lower_from, -1, 0)).astype(np.int64)


@dataclass(frozen=True)
class MoodModel:
    """What was learned. `center` and `scale` standardise the columns of the English block."""

    urgency: Head
    sentiment: Head
    cue_scale: Numbers
    center: Numbers
    scale: Numbers

    def features(self, meaning: Numbers, manner: Numbers | None, cues: Sequence[float]) -> Numbers:
        """One row: what the text means, how it speaks where that is known, and its phrases."""
        spoken = np.zeros(len(self.center))
        if manner is not None:
            spoken = np.clip((manner - self.center) / self.scale, -_SPREADS, _SPREADS) / np.sqrt(len(self.center))
        row: Numbers = np.concatenate([meaning, spoken, np.asarray(cues) / self.cue_scale / _CUE_SHARE])
        return row


def meaning_of(text: str, multilingual: Embedder) -> Numbers:
    """The direction of the mean of the text's vector and those of its first sentences, of length one.

    These are the very strings that intents and risks are read from, which a `Remembering` embedder knows already.
    """
    mean = multilingual.embed([read(text).prose, *sentences_of(text)]).astype(np.float64).mean(axis=0)
    unit: Numbers = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return unit


def manner_of(text: str, english: Embedder) -> Numbers:
    """The English model's middle layer, which tells how a text speaks."""
    vector: Numbers = middle_of(english).embed([read(text).prose])[0].astype(np.float64)
    return vector


class MoodReader:
    """Implements `ReadsMood`. Safe to call from several threads, on any text; reads a bounded beginning of it."""

    def __init__(self, english: Embedder, multilingual: Embedder, model: MoodModel | None = None) -> None:
        """The embedders that the model was trained with; `model` is the shipped one, if not given."""
        self._english = english
        self._multilingual = multilingual
        self.model = model or shipped_model()

    def __call__(self, text: str, language: str) -> Mood:
        """The mood of one text; neutral where it holds no word. `language` is its BCP 47 tag."""
        if not any(character.isalpha() for character in read(text).prose):
            return NEUTRAL
        meaning, cues = meaning_of(text, self._multilingual), cue_values(text)
        heads = (self.model.urgency, self.model.sentiment)
        features = self.model.features(meaning, None, cues)
        leads = [head.lead(features) for head in heads]
        if reads_english(language) and any(map(Head.unsure, heads, leads)):
            again = self.model.features(meaning, manner_of(text, self._english), cues)
            leads = [head.lead(again) if head.unsure(lead) else lead for head, lead in zip(heads, leads, strict=True)]
        return Mood(urgency=self.model.urgency.decided(leads[0]), sentiment=round(leads[1], 3))


@cache
def shipped_model() -> MoodModel:
    """The model beside the service, read once.

    Raises:
        MoodModelUnreadable: it is missing or broken.
    """
    return load_mood_model(MODEL_FILE)


def load_mood_model(path: Path) -> MoodModel:
    """The model that `save_mood_model` wrote.

    Raises:
        MoodModelUnreadable: it is missing, broken, or of another version.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["format"] != FORMAT or tuple(stored["cues"]) != CUES:
            raise ValueError("another version")
        model = MoodModel(
            urgency=_head(stored["urgency"]),
            sentiment=_head(stored["sentiment"]),
            **{name: np.array(stored[name], dtype=np.float64) for name in ("cue_scale", "center", "scale")},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MoodModelUnreadable(f"{path.name} holds no model of moods") from error
    return model


def save_mood_model(model: MoodModel, path: Path) -> None:
    """Writes the model with four significant digits, which change no third digit of a probability."""
    heads = {name: _stored(getattr(model, name)) for name in ("urgency", "sentiment")}
    arrays = {name: _short(getattr(model, name)) for name in ("cue_scale", "center", "scale")}
    stored = {"format": FORMAT, "cues": CUES, **heads, **arrays}
    path.write_text(json.dumps(stored, separators=(",", ":")) + "\n", encoding="utf-8")


def _stored(head: Head) -> dict[str, Any]:
    return {"weights": _short(head.weights), "lower_from": head.lower_from, "upper_from": head.upper_from}


def _head(stored: dict[str, Any]) -> Head:
    weights = np.array(stored["weights"], dtype=np.float64)
    return Head(weights, float(stored["lower_from"]), float(stored["upper_from"]))


def _short(numbers: Numbers) -> Any:
    short = [float(f"{number:.4g}") for number in np.ravel(numbers)]
    return np.reshape(short, numbers.shape).tolist()
