"""Learns how far a draft can be trusted, from labelled cases."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contracts.pack import Pack
from infra.evaluation.figures import calibration_error
from infra.training.confidence_cases import LabelledCase
from infra.training.trees import plain_trees
from services.validation.adapters import Kind, calibration_file
from services.validation.rules.answering import ANSWERING_FEATURES
from services.validation.rules.confidence import EVIDENCE_FEATURES, INTENT_FEATURES, Calibration
from shared.packs import training_hash

CASES_MIN = 60
FOLDS = 10
SEED = 20_260_101
ROUNDS = 120
TREES: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 6,
    "learning_rate": 0.04,
    "min_data_in_leaf": 15,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.5,
    "seed": SEED,
    "deterministic": True,
    "num_threads": 1,
    "verbose": -1,
}
PRECISION_WANTED = 0.97

Numbers = NDArray[np.float64]


class TooFewCases(Exception):
    """The pack's examples do not make enough labelled cases for a calibration that means something."""


class ConfidenceCard(BaseModel):
    """How good a confidence model is, all by cross-validation. `threshold` releases at PRECISION_WANTED or better."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    sample_size: int
    correct: int
    auroc: float
    ece: float
    brier: float
    threshold: float
    coverage_at_threshold: float
    precision_at_threshold: float
    weights: dict[str, float]


def fit(cases: Sequence[LabelledCase], kind: Kind, trained_on: str) -> tuple[Calibration, ConfidenceCard]:
    """A logistic regression and boosted trees on the cases, and their card, by cross-validation.

    On a few hundred cases either alone is less sure: the mean of their log odds releases a sixth more at one precision.

    Raises:
        TooFewCases: fewer than CASES_MIN, or hardly any that are right, or that are wrong.
    """
    names = EVIDENCE_FEATURES + ANSWERING_FEATURES + (INTENT_FEATURES if kind == "full" else ())
    x = np.array([[case.features.get(name, 0.0) for name in names] for case in cases])
    y = np.array([case.correct for case in cases], dtype=np.int64)
    if len(y) < CASES_MIN or min(int(y.sum()), int(len(y) - y.sum())) < FOLDS:
        raise TooFewCases(f"{len(y)} labelled cases, {int(y.sum())} right: too few to calibrate a confidence")
    held_out = np.zeros(len(y))
    for train_on, rest in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(x, y):
        model = _fitted(x[train_on], y[train_on], names, "held-out", kind)
        held_out[rest] = [model.probability(dict(zip(names, row, strict=True))) for row in x[rest].tolist()]
    calibration = _fitted(x, y, names, trained_on, kind)
    return calibration, _card(calibration, y, held_out)


def _fitted(x: Numbers, y: NDArray[np.int64], names: tuple[str, ...], trained_on: str, kind: Kind) -> Calibration:
    # From .03 to 1 the strength makes no difference that the noise would not.
    scaler, regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=2_000)).fit(x, y)
    booster = lightgbm.train(TREES, lightgbm.Dataset(x, y.astype(np.float64)), ROUNDS)
    return Calibration(
        version=f"confidence-3-{kind}-{trained_on}",
        trained_on=trained_on,
        kind=kind,
        features=names,
        means=_rounded(scaler.mean_),
        scales=tuple(scale or 1.0 for scale in _rounded(scaler.scale_)),
        weights=_rounded(regression.coef_[0]),
        intercept=round(float(regression.intercept_[0]), 6),
        trees=plain_trees(booster, names),
        sample_size=len(y),
    )


def _rounded(numbers: Numbers) -> tuple[float, ...]:
    return tuple(round(float(number), 6) for number in numbers)


def _card(calibration: Calibration, y: NDArray[np.int64], predicted: Numbers) -> ConfidenceCard:
    threshold = release_threshold(y, predicted)
    released = predicted >= threshold
    return ConfidenceCard(
        kind=calibration.kind,
        sample_size=len(y),
        correct=int(y.sum()),
        auroc=round(float(roc_auc_score(y, predicted)), 4),
        ece=round(calibration_error(predicted, y == 1, bins=10), 4),
        brier=round(float(brier_score_loss(y, predicted)), 4),
        threshold=round(threshold, 4),
        coverage_at_threshold=round(float(released.mean()), 4),
        precision_at_threshold=round(float(y[released].mean()), 4) if released.any() else 1.0,
        weights=dict(zip(calibration.features, calibration.weights, strict=True)),
    )


def release_threshold(y: NDArray[np.int64], predicted: Numbers) -> float:
    """The lowest threshold from which on up the predictions are right PRECISION_WANTED of the time; 1.0 if none."""
    order = np.argsort(-predicted, kind="stable")
    precision = np.cumsum(y[order]) / np.arange(1, len(y) + 1)
    # Cases of one prediction are released together, so a threshold counts at the last of them.
    last = np.append(np.diff(predicted[order]) != 0, True)
    good = np.flatnonzero(last & (precision >= PRECISION_WANTED))
    return float(predicted[order][good[-1]]) if len(good) else 1.0


def train_confidence(pack: Pack, cases: Sequence[LabelledCase], out: Path) -> list[ConfidenceCard]:
    """Fits the model of the pack on the cases and writes it, with its card, into the folder `out`.

    Packs without intents have no labelled cases; they use the model that `infra.training.evidence` makes.

    Raises:
        TooFewCases: see `fit`.
    """
    out.mkdir(parents=True, exist_ok=True)
    calibration, card = fit(cases, "full", training_hash(pack))
    path = calibration_file(out, "full")
    path.write_text(calibration.model_dump_json(indent=1, exclude_defaults=True) + "\n", encoding="utf-8")
    path.with_suffix(".card.json").write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return [card]
