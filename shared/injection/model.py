"""The trained numbers of the detector, and the features that they weigh. Training and serving share every line."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.injection.cues import NAMES, cue_values
from shared.injection.hashing import ngrams
from shared.injection.reading import Reading

Numbers = NDArray[np.float64]
Vectors = NDArray[np.float32]

MODEL_FILE = Path(__file__).parent / "model.npz"
_SEGMENT_CUES = [NAMES.index(name) for name in ("imperative", "question", "manner", "first_person", "second_person")]
_NO_SEGMENT = -8.0
_LOGIT_MAX = 30.0


class ModelUnreadable(Exception):
    """The file of the detector's numbers is missing or of another version."""


@dataclass(frozen=True)
class Scorer:
    """Two linear models of one question, on n-grams and on the embedding; intercepts come last."""

    by_ngrams: Numbers
    by_meaning: Numbers

    def of_words(self, buckets: Sequence[NDArray[np.int64]]) -> Numbers:
        """One logit for each text, from its hashed n-grams."""
        weights, intercept = self.by_ngrams[:-1], self.by_ngrams[-1]
        return np.array([weights[one].sum() / max(len(one), 1) ** 0.5 + intercept for one in buckets])

    def of_meaning(self, vectors: Vectors) -> Numbers:
        """One logit for each row."""
        logits: Numbers = vectors.astype(np.float64) @ self.by_meaning[:-1] + self.by_meaning[-1]
        return logits


@dataclass(frozen=True)
class Model:
    """What was learned.

    `order` asks whether a text gives a model orders, `task` whether it is what people ask an assistant (harmless by
    itself, telling in the middle of a mail). `segment` weighs whether a segment was planted into its text, `whole`
    decides on the text, `spot` on one sentence by its words alone. All have the intercept last. `threshold` (a
    probability) and `spot_threshold` (a logit) are where an alarm begins.
    """

    order: Scorer
    task: Scorer
    segment: Numbers
    whole: Numbers
    spot: Numbers
    threshold: float
    spot_threshold: float


@cache
def shipped_model() -> Model:
    """The model beside this file, read once.

    Raises:
        ModelUnreadable: it is missing or broken.
    """
    return load_model(MODEL_FILE)


def load_model(path: Path) -> Model:
    """The model that `save_model` wrote.

    Raises:
        ModelUnreadable: it is missing or broken.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name].astype(np.float64) for name in stored.files}
        return Model(
            order=Scorer(found["order_ngrams"], found["order_meaning"]),
            task=Scorer(found["task_ngrams"], found["task_meaning"]),
            segment=found["segment"],
            whole=found["whole"],
            spot=found["spot"],
            threshold=float(found["thresholds"][0]),
            spot_threshold=float(found["thresholds"][1]),
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnreadable(f"{path.name} holds no injection model") from error


def save_model(model: Model, path: Path) -> None:
    """Writes the model; n-gram weights with half precision, which changes no third digit of a probability."""
    np.savez_compressed(
        path,
        order_ngrams=model.order.by_ngrams.astype(np.float16),
        order_meaning=model.order.by_meaning.astype(np.float32),
        task_ngrams=model.task.by_ngrams.astype(np.float16),
        task_meaning=model.task.by_meaning.astype(np.float32),
        segment=model.segment,
        whole=model.whole,
        spot=model.spot,
        thresholds=np.array([model.threshold, model.spot_threshold]),
    )


# ── Features ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Units:
    """A text and its closely read segments, as rows: first the whole, then the segments.

    `logits` has four columns: order by words, order by meaning, task by words, task by meaning.
    """

    reading: Reading
    vectors: Vectors
    cues: Numbers
    logits: Numbers


def texts_of(reading: Reading) -> list[str]:
    """What is embedded and scored: the whole text, then the closely read segments."""
    return [reading.text, *(reading.segments[number] for number in reading.closely)]


def logits_of(model: Model, texts: Sequence[str], vectors: Vectors) -> Numbers:
    """See `Units.logits`."""
    buckets = [ngrams(text) for text in texts]
    return np.column_stack(
        [
            model.order.of_words(buckets),
            model.order.of_meaning(vectors),
            model.task.of_words(buckets),
            model.task.of_meaning(vectors),
        ]
    )


def cues_of(texts: Sequence[str]) -> Numbers:
    """One row of cues for each text."""
    return np.stack([cue_values(text) for text in texts])


def segment_features(units: Units) -> Numbers:
    """One row for each closely read segment: how much it is an order or a task, and how little it belongs here.

    A planted sentence is far from the others (cosines to their mean, to the nearest, to its neighbours), and it is
    more of a task than they are.
    """
    vectors, logits, cues = units.vectors[1:].astype(np.float64), units.logits[1:], units.cues[1:]
    count = len(vectors)
    rest = vectors.sum(axis=0) - vectors
    to_rest = (vectors * rest).sum(axis=1) / np.maximum(np.linalg.norm(rest, axis=1), 1e-9)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1.0)
    beside = np.diag(cosines, 1)
    to_neighbours = np.maximum(np.append(beside, -1.0), np.append(-1.0, beside))
    numbers = np.array(units.reading.closely)
    lengths = np.array([len(units.reading.segments[number]) for number in units.reading.closely])
    return np.column_stack(
        [
            logits,
            logits - np.median(logits, axis=0),
            to_rest,
            to_rest - np.median(to_rest),
            cosines.max(axis=1),
            to_neighbours,
            numbers == 0,
            numbers == len(units.reading.segments) - 1,
            np.full(count, np.log(len(units.reading.segments))),
            np.log1p(lengths),
            cues[:, _SEGMENT_CUES],
        ]
    )


def planted_logits(segment: Numbers, units: Units) -> Numbers:
    """For each closely read segment how likely it was planted; empty where there is none."""
    return weigh(segment, segment_features(units)) if units.reading.closely else np.zeros(0)


def whole_features(units: Units, planted: Numbers, spotted: Numbers) -> Numbers:
    """One row for the text. `planted` are the logits of its segments, `spotted` those of all its units."""
    count = len(units.reading.segments)
    return np.concatenate(
        [
            units.logits[0],
            units.logits[:, :2].max(axis=0),
            [spotted.max(), planted.max(initial=_NO_SEGMENT), count < 2, np.log(max(count, 1))],
            units.cues[0],
        ]
    )


def spot_features(by_words: Numbers, cues: Numbers) -> Numbers:
    """One row for each sentence: its logit of being an order, by words, and its cues."""
    return np.column_stack([by_words, cues])


def weigh(weights: Numbers, features: Numbers) -> Numbers:
    """Logits of rows of features."""
    logits: Numbers = features @ weights[:-1] + weights[-1]
    return np.clip(logits, -_LOGIT_MAX, _LOGIT_MAX)
