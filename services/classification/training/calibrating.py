"""What texts held out teach an expert: how sure it may be of a class, of an article, and of being out of scope."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from services.classification.adapters.heads import ARTICLES_MAX, WARMTH, Expert, calibrated, told_by
from services.classification.training.fitting import FOLDS, UNKNOWN, Named, Numbers


def warmth_of(scores: Numbers, chance: Callable[[Numbers], Numbers], happened: NDArray[np.bool_]) -> Numbers:
    """The parameters of `calibrated` by which `chance` of held-out probabilities best fits what `happened`.

    That is what decisions hang on: the chance that the best class is right, or that there is any risk. Fitting all
    classes at once leaves the best one too sure of itself. Gentle where few texts tell.
    """
    spread = max(float(scores.std(axis=1).mean()), 1e-6) if scores.size else 1.0
    if len(happened) < 10 * FOLDS or scores.shape[1] < 2 or happened.all() or not happened.any():
        return _only(spread)

    def loss(warmth: Numbers) -> float:
        likely = np.clip(chance(calibrated(scores, warmth)), 1e-6, 1 - 1e-6)
        return float(-np.log(np.where(happened, likely, 1 - likely)).mean() + 1e-4 * (warmth**2).sum())

    starts = [_only(spread * factor) for factor in (0.1, 0.3, 1.0)]
    found: Numbers = min((minimize(loss, start, method="BFGS") for start in starts), key=lambda fit: float(fit.fun)).x
    return found


def _only(temperature: float) -> Numbers:
    """The parameters by which all texts have this temperature."""
    return np.array([np.log(temperature), *[0.0] * (WARMTH - 1)])


def curve_of(scores: Numbers, named: Named) -> Numbers:
    """The `Answers.curve` that best fits the best scores of held-out texts; never, where too few or all are right."""
    best = np.argsort(-scores, axis=1)[:, :ARTICLES_MAX]
    told, named = told_by(np.take_along_axis(scores, best, axis=1)), np.take_along_axis(named, best, axis=1)
    known = named != UNKNOWN
    right = named[known] == 1
    if right.sum() < FOLDS or right.all():
        return np.array([0.0, 0.0, -30.0])
    model = LogisticRegression(C=1e4).fit(told[known], right)
    return np.append(model.coef_[0], model.intercept_)


def scope_weights(inside: Numbers, outside: Numbers, false_alarms_max: float) -> Numbers:
    """Weights of the evidence, the intercept last, so that 0.5 flags at most `false_alarms_max` of the texts inside.

    A logistic regression in which both sides weigh the same, then moved as split-conformal prediction asks
    (Vovk, Gammerman and Shafer, 2005): the bound holds for further texts like those inside.
    """
    both = np.vstack([inside, outside])
    center, scale = both.mean(axis=0), np.maximum(both.std(axis=0), 1e-6)
    labels = np.array([0] * len(inside) + [1] * len(outside))
    model = LogisticRegression(C=1.0, class_weight="balanced").fit((both - center) / scale, labels)
    slope = model.coef_[0] / scale
    intercept = float(model.intercept_[0] - (slope * center).sum())
    room = np.quantile(inside @ slope + intercept, min(1.0, (1 - false_alarms_max) * (1 + 1 / len(inside))))
    return np.append(slope, intercept - max(0.0, float(room)))


def recalibrated(expert: Expert, warmth: Numbers, scope: Numbers, curve: Numbers | None = None) -> Expert:
    """The expert with what held-out texts taught."""
    answers = expert.answers
    if answers is not None and curve is not None:
        answers = replace(answers, curve=curve)
    return replace(expert, warmth=warmth, scope=scope, answers=answers)
