"""The figures that evaluations have in common. Scores and confidences are higher where the model is surer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


def auroc(positive: Flags, scores: Numbers) -> float | None:
    """The chance that a positive scores above a negative; None where there are only positives or only negatives."""
    return float(roc_auc_score(positive, scores)) if positive.any() and not positive.all() else None


def recall_at_false_alarms(positive: Flags, scores: Numbers, share: float) -> float | None:
    """The greatest recall at which at most `share` of the negatives is flagged; None as for `auroc`."""
    if not positive.any() or positive.all():
        return None
    false_alarms, recall, _ = roc_curve(positive, scores, drop_intermediate=False)
    return float(recall[false_alarms <= share].max(initial=0.0))


def calibration_error(confidence: Numbers, right: Flags, bins: int = 15) -> float:
    """Mean distance of confidence from accuracy over equally wide bins (Naeini et al., AAAI 2015)."""
    return float(sum(count * abs(sure - hit) for sure, hit, count in reliability(confidence, right, bins)))


def reliability(confidence: Numbers, right: Flags, bins: int = 15) -> list[tuple[float, float, float]]:
    """For each bin that is not empty: mean confidence, accuracy, and its share of the cases."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        (float(confidence[place == k].mean()), float(right[place == k].mean()), float((place == k).mean()))
        for k in np.unique(place)
    ]


def risk_coverage(confidence: Numbers, right: Flags) -> tuple[Numbers, Numbers]:
    """Coverage and risk for every threshold (El-Yaniv and Wiener, JMLR 2010), the strictest first.

    Cases of equal confidence are let through together.
    """
    order = np.argsort(-confidence, kind="stable")
    last = np.append(np.diff(confidence[order]) != 0, True)
    count = np.arange(1, len(order) + 1)
    risk = np.cumsum(~right[order]) / count
    return count[last] / len(order), risk[last]


def coverage_at_risk(confidence: Numbers, right: Flags, risk_max: float) -> float:
    """The greatest share of cases that a threshold lets through with at most `risk_max` of them wrong."""
    coverage, risk = risk_coverage(confidence, right)
    return float(coverage[risk <= risk_max].max(initial=0.0))


def percentile(values: Sequence[float], share: float) -> float:
    """The `share` (0 to 1) quantile of measured values, by linear interpolation."""
    return float(np.quantile(np.asarray(values, dtype=np.float64), share))
