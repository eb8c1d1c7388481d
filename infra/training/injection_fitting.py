"""Fits the numbers of the injection detector to prepared samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from infra.training.injection_data import SEED, Sample, ngram_matrix
from shared.embedding import Embedder, Vectors
from shared.injection.detector import WHOLE_CHARACTERS_MAX
from shared.injection.hashing import ngrams
from shared.injection.model import (
    Model,
    Numbers,
    Scorer,
    Units,
    cues_of,
    planted_logits,
    segment_features,
    spot_features,
    texts_of,
    weigh,
    whole_features,
)
from shared.injection.reading import Reading, normalised, read

FALSE_ALARMS_WANTED = 0.03
SPOT_FALSE_ALARMS_WANTED = 0.001
# Their own negatives are prompts to an assistant: they must not decide where alarms begin for customers' mails.
_PROMPT_SETS = {"deepset", "piguard_valid"}
_ARTICLES = {"wixqa", "mtrag_cloud", "pack_articles"}
_MAILS = _ARTICLES | {"bipia_email", "pack_intents", "pack_flags", "wixqa_questions", "techqa_questions"}
_ASKED_OF_ASSISTANTS = {"own_tasks", "planted_by_bipia", "own_injections", "pack_injection", "clinc150"}
_SHORT_CHARACTERS_MAX = 300

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Prepared:
    """The samples as rows of units. `first` is where each sample's units begin, one more at the end."""

    samples: Sequence[Sample]
    readings: Sequence[Reading]
    texts: Sequence[str]
    first: NDArray[np.int64]
    vectors: Vectors
    cues: Numbers
    buckets: Sequence[NDArray[np.int64]]
    words: Any

    @property
    def owner(self) -> NDArray[np.int64]:
        """The number of the sample of each unit."""
        return np.repeat(np.arange(len(self.samples)), np.diff(self.first))

    @property
    def is_whole(self) -> Mask:
        """Whether a unit is a whole text."""
        mask = np.zeros(len(self.texts), dtype=bool)
        mask[self.first[:-1]] = True
        return mask

    def units(self, index: int, logits: Numbers) -> Units:
        """The units of one sample; `logits` are those of all."""
        own = slice(self.first[index], self.first[index + 1])
        return Units(self.readings[index], self.vectors[own], self.cues[own], logits[own])


def prepare(samples: Sequence[Sample], embedder: Embedder) -> Prepared:
    """Reads, embeds and hashes everything once."""
    readings = [read(sample.text) for sample in samples]
    units = [texts_of(reading) for reading in readings]
    texts = [text for one in units for text in one]
    vectors = np.concatenate(
        [
            embedder.embed([text[:WHOLE_CHARACTERS_MAX] for text in texts[start : start + 64]])
            for start in range(0, len(texts), 64)
        ]
    )
    buckets = [ngrams(text) for text in texts]
    first = np.cumsum([0, *(len(one) for one in units)])
    return Prepared(samples, readings, texts, first, vectors, cues_of(texts), buckets, ngram_matrix(buckets))


# ── The two questions asked of every unit ────────────────────────────────────────────────────────


def _targets(prepared: Prepared) -> tuple[Numbers, Numbers, Numbers]:
    """For each unit its label for `order` and for `task` (NaN where it has none), and its weight for `order`."""
    owner, whole = prepared.owner, prepared.is_whole
    source = np.array([prepared.samples[index].source for index in owner])
    label = np.array([_as_number(prepared.samples[index].injection) for index in owner])
    lengths = np.array([len(text) for text in prepared.texts])
    kept = np.random.default_rng(SEED).random(len(label)) < 0.5
    order = np.where(whole & (source != "mixed") & ~((source == "bipia_email") & (label == 1)), label, np.nan)
    order[~whole & (label == 0) & np.isin(source, [*_MAILS, "mixed"]) & kept] = 0
    weight = np.where(whole, 1.0, 0.3)
    asked = np.isin(source, [*_ASKED_OF_ASSISTANTS, "xstest_benign", "deepset"])
    task = np.full(len(label), np.nan)
    task[(label == 0) & np.isin(source, [*_MAILS, "banking77", "mixed"]) & (~whole | (lengths < 200))] = 0
    task[whole & asked & (lengths < _SHORT_CHARACTERS_MAX)] = 1
    return order, task, weight


def _as_number(label: bool | None) -> float:
    return float("nan") if label is None else float(label)


def _scorer(prepared: Prepared, rows: Mask, target: Numbers, weight: Numbers, strength: float) -> Scorer:
    rows = rows & ~np.isnan(target)
    y, w = target[rows].astype(int), weight[rows]
    by_words = LogisticRegression(C=strength, solver="liblinear", class_weight="balanced", random_state=SEED)
    by_words.fit(prepared.words[rows], y, sample_weight=w)
    by_meaning = LogisticRegression(C=10, max_iter=400, class_weight="balanced")
    by_meaning.fit(prepared.vectors[rows], y, sample_weight=w)
    return Scorer(*(np.append(one.coef_[0], one.intercept_[0]) for one in (by_words, by_meaning)))


def _scorers(prepared: Prepared, rows: Mask) -> tuple[Scorer, Scorer]:
    order, task, weight = _targets(prepared)
    return (
        _scorer(prepared, rows, order, weight, strength=30),
        _scorer(prepared, rows, task, np.ones(len(task)), strength=10),
    )


def _logits(prepared: Prepared, rows: Mask, order: Scorer, task: Scorer) -> Numbers:
    words, vectors = prepared.words[rows], prepared.vectors[rows]
    by_words = [words @ one.by_ngrams[:-1] + one.by_ngrams[-1] for one in (order, task)]
    return np.column_stack([by_words[0], order.of_meaning(vectors), by_words[1], task.of_meaning(vectors)])


# ── Stacking ─────────────────────────────────────────────────────────────────────────────────────


def fit(prepared: Prepared, folds: Sequence[int]) -> Model:
    """The detector trained on the samples of `folds`; what weighs the scorers sees them only on unseen folds."""
    fold = np.array([sample.fold for sample in prepared.samples])[prepared.owner]
    logits = np.zeros((len(prepared.texts), 4))
    for held_out in folds:
        scorers = _scorers(prepared, np.isin(fold, [one for one in folds if one != held_out]))
        logits[fold == held_out] = _logits(prepared, fold == held_out, *scorers)
    inside = np.isin(fold, folds)
    order, task = _scorers(prepared, inside)
    rows = [index for index, sample in enumerate(prepared.samples) if sample.fold in folds]
    segment = _fit_segment(prepared, rows, logits)
    spot, spot_threshold = _fit_spot(prepared, inside, logits)
    model = Model(order, task, segment, np.zeros(0), spot, 0.5, spot_threshold)
    return _fit_whole(prepared, rows, logits, model)


def _linear(x: Numbers, y: NDArray[np.int64], strength: float, weight: Numbers | None = None) -> Numbers:
    """Weights of a logistic regression for features as they are, the intercept last."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1_000))
    pipeline.fit(x, y, logisticregression__sample_weight=weight)
    scaler, regression = pipeline[0], pipeline[1]
    weights = regression.coef_[0] / scaler.scale_
    return np.append(weights, regression.intercept_[0] - weights @ scaler.mean_)


def _marks(prepared: Prepared, index: int) -> list[bool] | None:
    """For each closely read segment of a sample whether it was planted; None where nobody knows."""
    sample, reading = prepared.samples[index], prepared.readings[index]
    what = sample.planted
    if sample.source == "bipia_email" and sample.injection:
        known = [one.text for one in prepared.samples if one.source == "planted_by_bipia" and one.text in sample.text]
        what = max(known, key=len, default="")
    if not reading.closely or sample.injection is None or (sample.injection and not what):
        return None
    plain = normalised(what)
    return [
        bool(what) and (segment in plain or plain[:60] in segment)
        for segment in (reading.segments[number] for number in reading.closely)
    ]


def _fit_segment(prepared: Prepared, rows: Sequence[int], logits: Numbers) -> Numbers:
    features, labels = [], []
    for index in rows:
        if (marks := _marks(prepared, index)) is not None:
            features.append(segment_features(prepared.units(index, logits)))
            labels += marks
    return _linear(np.concatenate(features), np.array(labels, dtype=np.int64), strength=1)


def _fit_whole(prepared: Prepared, rows: Sequence[int], logits: Numbers, model: Model) -> Model:
    rows = [index for index in rows if prepared.samples[index].injection is not None]
    features = []
    for index in rows:
        units = prepared.units(index, logits)
        spotted = weigh(model.spot, spot_features(units.logits[:, 0], units.cues))
        features.append(whole_features(units, planted_logits(model.segment, units), spotted))
    x = np.stack(features)
    samples = [prepared.samples[index] for index in rows]
    y = np.array([sample.injection for sample in samples], dtype=np.int64)
    weight = np.array([_weight(sample) for sample in samples])
    fold = np.array([sample.fold for sample in samples])
    unseen = np.zeros(len(rows))
    for held_out in np.unique(fold):
        seen = fold != held_out
        unseen[~seen] = weigh(_linear(x[seen], y[seen], 3, weight[seen]), x[~seen])
    natural = np.array([sample.source != "mixed" for sample in samples])
    slope, shift = _linear(unseen[natural, None], y[natural], 100)
    whole = slope * _linear(x, y, 3, weight)
    whole[-1] += shift
    threshold = _threshold(slope * unseen + shift, samples)
    return replace(model, whole=whole, threshold=1 / (1 + float(np.exp(-threshold))))


def _weight(sample: Sample) -> float:
    """Harmless tasks in a mail count little: they should rank above ordinary mails, not set off the alarm."""
    if sample.kind == "task":
        return 0.15
    return {"bipia_email": 1.5, "mixed": 1.0 if sample.injection else 0.5}.get(sample.source, 1.0)


def _threshold(logits: Numbers, samples: Sequence[Sample]) -> float:
    """The logit from which on FALSE_ALARMS_WANTED of the benign samples are flagged, every source counting alike."""
    source = np.array([one.source for one in samples])
    benign = np.array([not one.injection and one.source not in _PROMPT_SETS for one in samples])
    names, numbers, counts = np.unique(source[benign], return_inverse=True, return_counts=True)
    share = 1 / (len(names) * counts[numbers])
    order = np.argsort(-logits[benign])
    flagged = np.cumsum(share[order])
    return float(logits[benign][order][np.searchsorted(flagged, FALSE_ALARMS_WANTED)]) + 1e-9


def _fit_spot(prepared: Prepared, inside: Mask, logits: Numbers) -> tuple[Numbers, float]:
    """Weights on single sentences, and the logit that few sentences of articles reach.

    What is taken for an order is left out of answers: hence every benign sentence counts here.
    """
    order, _, _ = _targets(prepared)
    source = np.array([prepared.samples[index].source for index in prepared.owner])
    benign = np.array([prepared.samples[index].injection is False for index in prepared.owner])
    sentences = inside & benign & ~prepared.is_whole & np.isin(source, [*_MAILS])
    order[sentences] = 0
    for index, sample in enumerate(prepared.samples):
        if sample.kind == "injection" and (marks := _marks(prepared, index)):
            order[np.flatnonzero(marks) + prepared.first[index] + 1] = 1
    rows = inside & ~np.isnan(order)
    x = spot_features(logits[:, 0], prepared.cues)
    spot = _linear(x[rows], order[rows].astype(np.int64), 1)
    articles = sentences & np.isin(source, [*_ARTICLES])
    return spot, float(np.quantile(weigh(spot, x[articles]), 1 - SPOT_FALSE_ALARMS_WANTED))
