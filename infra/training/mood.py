"""`python -m infra.training.mood`: trains the model of urgency and sentiment that classification ships.

Learns from `mood.yaml` alone. Writes mood.json and mood.card.json into `services/classification`; takes one to
three minutes on one core, most of it cross-validation.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter
from scipy.sparse.csgraph import connected_components
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedGroupKFold

from infra.evaluation.figures import calibration_error
from services.classification.adapters.features import reads_english
from services.classification.adapters.heads import softmax
from services.classification.adapters.mood import (
    CLASSES,
    MODEL_FILE,
    UNSURE_WITHIN,
    Head,
    MoodModel,
    Numbers,
    decide,
    leads,
    manner_of,
    meaning_of,
    save_mood_model,
)
from services.classification.rules.mood import CUES, cue_values
from shared.bert import MiniLM
from shared.embedding import Embedder, MultilingualUSE, Remembering

TEXTS_FILE = Path(__file__).with_suffix(".yaml")
CARD_FILE = MODEL_FILE.with_suffix(".card.json")
FOLDS = 5
SEED = 20_260_101
# From this cosine on, texts (translations above all) say the same, and stay in one fold.
ALIKE_FROM = 0.7
STRENGTHS = (3.0, 10.0)
_TEMPERATURES = np.geomspace(0.3, 3.0, 40)
# Nearer to nought, every neutral text would be unsure.
_POINTS = np.arange(0.2, 0.7, 0.1)
_SPREAD_MIN = 0.001

Labels = NDArray[np.int64]
What = Literal["urgency", "sentiment"]
BOTH: tuple[What, ...] = ("urgency", "sentiment")


class MoodText(BaseModel):
    """A labelled text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    language: str
    urgency: Literal[-1, 0, 1]
    sentiment: Literal[-1, 0, 1]


@dataclass(frozen=True)
class Recipe:
    """Which blocks a head reads beside the meaning, and how strongly it may lean on them."""

    blocks: tuple[str, ...]
    strength: float

    @property
    def name(self) -> str:
        """As the card calls it."""
        return f"{' and '.join(('meaning', *self.blocks))}, strength {self.strength:g}"


@dataclass(frozen=True)
class HeldOut:
    """Scores of each text by a head that saw nothing like it, and what was then decided.

    `served` are the scores as serving has them: with the manner only where a text is unsure without it (`again`).
    """

    recipe: Recipe
    scores: Numbers
    served: Numbers
    again: NDArray[np.bool_]
    decided: Labels
    macro_f1: float


@dataclass(frozen=True)
class Data:
    """The texts as numbers. `blocks` are matrices with a row for each; `groups` are the same for texts alike."""

    texts: Sequence[MoodText]
    blocks: Mapping[str, Numbers]
    groups: Labels
    cue_scale: Numbers
    center: Numbers
    scale: Numbers

    def labels(self, what: What) -> Labels:
        """Of each text."""
        return np.array([getattr(one, what) for one in self.texts], dtype=np.int64)


def read_texts(path: Path = TEXTS_FILE) -> list[MoodText]:
    """The labelled texts of ours."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return TypeAdapter(list[MoodText]).validate_python(found)


def prepare(texts: Sequence[MoodText], english: Embedder, multilingual: Embedder) -> Data:
    """The texts by the features that serving computes."""
    meaning = np.stack([meaning_of(one.text, multilingual) for one in texts])
    cues = np.array([cue_values(one.text) for one in texts])
    spoken = np.array([reads_english(one.language) for one in texts])
    manner = np.stack([manner_of(one.text, english) for one in texts if reads_english(one.language)])
    center, scale = manner.mean(axis=0), np.maximum(manner.std(axis=0), _SPREAD_MIN)
    cue_scale = np.maximum(cues.std(axis=0), 0.1)
    nobody = Head(np.zeros((1, 3)), 1.0, 1.0)
    shape = MoodModel(nobody, nobody, cue_scale, center, scale)
    rows: list[Numbers] = []
    speaking = iter(manner)
    for row, speaks in enumerate(spoken):
        rows.append(shape.features(meaning[row], next(speaking) if speaks else None, cues[row].tolist()))
    width = meaning.shape[1]
    together = np.stack(rows)
    blocks = {
        "meaning": together[:, :width],
        "manner": together[:, width : -len(CUES)],
        "phrases": together[:, -len(CUES) :],
    }
    groups = connected_components(meaning @ meaning.T >= ALIKE_FROM)[1].astype(np.int64)
    return Data(texts, blocks, groups, cue_scale, center, scale)


def regression(recipe: Recipe, data: Data, labels: Labels, rows: Labels) -> Numbers:
    """Weights for all features in their order, noughts where the recipe does not read; the intercept last."""
    widths = [block.shape[1] for block in data.blocks.values()]
    read = np.repeat([name in ("meaning", *recipe.blocks) for name in data.blocks], widths)
    features = np.hstack(list(data.blocks.values()))
    fitted = LogisticRegression(C=recipe.strength, max_iter=2_000).fit(features[np.ix_(rows, read)], labels[rows])
    weights = np.zeros((features.shape[1] + 1, len(CLASSES)))
    weights[np.append(read, True)] = np.vstack([fitted.coef_.T, fitted.intercept_])
    return weights


def cross_validate(recipe: Recipe, data: Data, what: What) -> HeldOut:
    """Every text judged by a head, and by decision points, that were made without its fold."""
    labels, features = data.labels(what), np.hstack(list(data.blocks.values()))
    unspoken = np.hstack([block * (name != "manner") for name, block in data.blocks.items()])
    scores, blind = np.zeros((2, len(labels), len(CLASSES)))
    fold, decided = np.zeros((2, len(labels)), dtype=np.int64)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for number, (seen, unseen) in enumerate(folds.split(features, labels, data.groups)):
        weights = regression(recipe, data, labels, seen)
        scores[unseen], blind[unseen] = (one[unseen] @ weights[:-1] + weights[-1] for one in (features, unspoken))
        fold[unseen] = number
    served, again = blind.copy(), np.zeros(len(labels), dtype=bool)
    for number in range(FOLDS):
        others, own = fold != number, fold == number
        warmth = temperature(scores[others], labels[others])
        low, high = decision_points(leads(scores[others] / warmth), labels[others])
        lead = leads(blind[own] / warmth)
        again[own] = np.minimum(abs(lead + low), abs(lead - high)) < UNSURE_WITHIN
        served[own & again] = scores[own & again]
        decided[own] = decide(leads(served[own] / warmth), low, high)
    return HeldOut(recipe, scores, served, again, decided, float(f1_score(labels, decided, average="macro")))


def temperature(scores: Numbers, labels: Labels) -> float:
    """What scores are divided by, so that their softmax is likeliest (Guo et al., ICML 2017)."""
    place = labels - CLASSES[0]
    chances = [softmax(scores / one)[np.arange(len(labels)), place] for one in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmax([np.log(one).mean() for one in chances]))])


def decision_points(lead: Numbers, labels: Labels) -> tuple[float, float]:
    """Where the lower and the upper class begin, for the best macro-F1."""
    points = [(float(low), float(high)) for low in _POINTS for high in _POINTS]
    return max(points, key=lambda two: f1_score(labels, decide(lead, *two), average="macro"))


def fit(data: Data, what: What, held_out: HeldOut) -> Head:
    """The head on all texts, with warmth and decision points from what was held out."""
    labels = data.labels(what)
    warmth = temperature(held_out.scores, labels)
    low, high = decision_points(leads(held_out.scores / warmth), labels)
    weights = regression(held_out.recipe, data, labels, np.arange(len(labels)))
    return Head(weights / warmth, round(low, 2), round(high, 2))


def figures_of(data: Data, what: What, held_out: HeldOut) -> dict[str, Any]:
    """What the card says of a head, all by cross-validation."""
    labels, decided = data.labels(what), held_out.decided
    english = np.array([reads_english(one.language) for one in data.texts])
    chances = softmax(held_out.served / temperature(held_out.scores, labels))
    accuracy = float(accuracy_score(labels, decided))
    return {
        "recipe": held_out.recipe.name,
        "macro_f1": round(held_out.macro_f1, 3),
        "accuracy": round(accuracy, 3),
        "standard_error": round(float(np.sqrt(accuracy * (1 - accuracy) / len(labels))), 3),
        "macro_f1_english": round(float(f1_score(labels[english], decided[english], average="macro")), 3),
        "macro_f1_others": round(float(f1_score(labels[~english], decided[~english], average="macro")), 3),
        "english_looked_at_again": round(float(held_out.again[english].mean()), 3),
        "calibration_error": round(
            calibration_error(chances.max(axis=1), chances.argmax(axis=1) + CLASSES[0] == labels, bins=10), 3
        ),
        "classes": {str(one): int((labels == one).sum()) for one in CLASSES},
    }


def main(report: Callable[[str], object] = print) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=MODEL_FILE.parent, help="where model and card go")
    out = parser.parse_args().out
    texts = read_texts()
    data = prepare(texts, Remembering(MiniLM(), len(texts)), Remembering(MultilingualUSE(), 20 * len(texts)))
    blocks = ((), ("phrases",), ("manner",), ("phrases", "manner"))
    recipes = [Recipe(block, strength) for block in blocks for strength in STRENGTHS]
    tried = {what: [cross_validate(one, data, what) for one in recipes] for what in BOTH}
    best = {what: max(found, key=lambda one: one.macro_f1) for what, found in tried.items()}
    urgency, sentiment = (fit(data, what, best[what]) for what in BOTH)
    model = MoodModel(urgency, sentiment, data.cue_scale, data.center, data.scale)
    save_mood_model(model, out / MODEL_FILE.name)
    card = {
        "name": "mood-1",
        "made_by": "python -m infra.training.mood",
        "trained_on": {"infra/training/mood.yaml": "our own, Apache-2.0"},
        "sample_size": len(texts),
        "languages": dict(Counter(one.language for one in texts).most_common()),
        "urgency": figures_of(data, "urgency", best["urgency"]),
        "sentiment": figures_of(data, "sentiment", best["sentiment"]),
        "tried": {what: {one.recipe.name: round(one.macro_f1, 3) for one in found} for what, found in tried.items()},
        "folds": FOLDS,
        "note": "Cross-validated; texts alike, such as translations, stay in one fold. No text is kept, only weights.",
    }
    (out / CARD_FILE.name).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    report(json.dumps(card, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
