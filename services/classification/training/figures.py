"""How good an expert is on texts held out, for the card."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.classification.training.fitting import SEED, Labels, Numbers


@dataclass(frozen=True)
class Tried:
    """What an expert said of texts held out: how sure it was of the likeliest, whether rightly, whether of English.

    `text` numbers the texts, each of which may have been held out several times.
    """

    sure: Numbers
    right: NDArray[np.bool_]
    english: NDArray[np.bool_]
    text: Labels

    def of(self, *, english: bool) -> "Tried":
        """The part in English, or in other languages."""
        chosen = self.english == english
        return Tried(self.sure[chosen], self.right[chosen], self.english[chosen], self.text[chosen])


@dataclass(frozen=True)
class IntentsCard:
    """How intents and scope were told apart on texts held out. None: not asked.

    `ece_of_chance` is the calibration error that a perfectly calibrated model would show on as few texts. Of articles,
    accuracy and error are of the likeliest one, on texts of which it is known what answers them, if anything does.
    """

    recipe: str
    compared: dict[str, float]
    accuracy: float
    ece: float
    ece_of_chance: float
    coverage_at_5_risk: float
    article_accuracy: float | None = None
    article_ece: float | None = None
    scope_learned_from: str = "nothing"
    scope_auroc: float | None = None
    scope_recall: float | None = None
    scope_false_alarms: float | None = None


def by_language(first: Tried, second: Tried) -> Tried:
    """What the first expert said of English texts, and the second one of the others."""
    english, other = first.of(english=True), second.of(english=False)
    return Tried(
        np.concatenate([english.sure, other.sure]),
        np.concatenate([english.right, other.right]),
        np.concatenate([english.english, other.english]),
        # Each numbers its texts for itself, and they judge none in common.
        np.concatenate([2 * english.text, 2 * other.text + 1]),
    )


def best_chance(chances: Numbers) -> Numbers:
    """Of each row, that of the likeliest class."""
    best: Numbers = chances.max(axis=1)
    return best


def error_of_chance(sure: Numbers, text: Labels) -> float:
    """What `expected_calibration_error` would be on as many texts if every one of these chances were true.

    A text that was held out several times comes out right or wrong by one draw: that gives no further evidence.
    """
    _, number = np.unique(text, return_inverse=True)
    draws = np.random.default_rng(SEED).random((100, number.max() + 1))
    return float(np.mean([expected_calibration_error(sure, draw[number] < sure) for draw in draws]))


def expected_calibration_error(confidence: Numbers, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Mean distance of confidence from accuracy over equally wide bins (Naeini et al., AAAI 2015)."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[index == k].mean() - right[index == k].mean()) * (index == k).mean()
        for k in range(bins)
        if (index == k).any()
    ]
    return float(sum(gaps))


def coverage_at_risk(confidence: Numbers, right: NDArray[np.bool_], risk_max: float) -> float:
    """The greatest share of texts, the surest first, of which at most `risk_max` are wrong."""
    order = np.argsort(-confidence, kind="stable")
    risk = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(risk <= risk_max)
    return float((good[-1] + 1) / len(order)) if len(good) else 0.0
