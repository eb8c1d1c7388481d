"""Trains what tells intents apart, and what is out of scope; the kind of head and the mix are chosen by holding out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from services.classification.adapters.features import Encoded
from services.classification.adapters.heads import Expert, calibrated
from services.classification.adapters.model import Pair
from services.classification.training.calibrating import curve_of, recalibrated, scope_weights, warmth_of
from services.classification.training.figures import (
    IntentsCard,
    Tried,
    best_chance,
    by_language,
    coverage_at_risk,
    error_of_chance,
    expected_calibration_error,
)
from services.classification.training.fitting import (
    ALL_FOLDS_EXAMPLES_MAX,
    FOLDS,
    OUTSIDE,
    UNKNOWN,
    HeldOut,
    Labels,
    Named,
    Numbers,
    Recipe,
    balanced_part,
    fit_expert,
    hold_out,
    pretended_outside,
)

MIXES: Mapping[str, Mapping[str, float]] = {
    "MiniLM": {"english_head": 0.5, "english_prose": 0.5},
    "USE": {"multilingual_head": 0.5, "multilingual_prose": 0.5},
    "both": dict.fromkeys(("english_head", "english_prose", "multilingual_head", "multilingual_prose"), 0.25),
    "both and words": {
        **dict.fromkeys(("english_head", "english_prose", "multilingual_head", "multilingual_prose"), 0.2),
        "words": 0.1,
        "pieces": 0.1,
    },
    "manner": {
        "english_middle_head": 0.2,
        "english_middle_prose": 0.2,
        "title_words": 0.1,
        "body_words": 0.3,
        "lines": 0.2,
    },
}
# The simpler comes first, and wins where two are equally good.
RECIPES = (
    Recipe("logistic", "MiniLM", MIXES["MiniLM"]),
    Recipe("logistic", "USE", MIXES["USE"]),
    Recipe("logistic", "both", MIXES["both"]),
    Recipe("nearest", "both", MIXES["both"]),
    Recipe("ridge", "both", MIXES["both"]),
    Recipe("logistic", "both and words", MIXES["both and words"]),
    Recipe("ridge", "both and words", MIXES["both and words"]),
    Recipe("ridge", "manner", MIXES["manner"], telling=True),
)
# An answer to the wrong question is worse than none: this share of texts within the scope may be taken for others.
SCOPE_FALSE_ALARMS_MAX = 0.05
# What few texts say of calibration scatters by a hundredth from one partition to the next. They are held out again in
# further partitions, while that is no more than so many texts: repeated cross-validation (Kim, Estimating
# classification error rate, Computational Statistics and Data Analysis, 2009).
_HELD_OUT_MAX = 7_000
_PARTITIONS_MAX = 3
_COMPARED_EXAMPLES_MAX = 2_000
_COMPARED_FOLDS = 3
_OTHER_EXAMPLES_MAX = 4_000
# Embedding takes the longer the more there is to read. These many characters of prose (600 a text at most, so that
# only thousands of long texts exceed them) are learned from, and compared on, to keep training below two minutes.
CHARACTERS_MAX = 2_500_000
_COMPARED_CHARACTERS_MAX = 750_000


@dataclass(frozen=True)
class Trained:
    """An expert, what it said of the intents and of the articles of texts held out, and its figures on scope."""

    expert: Expert
    intents: Tried
    articles: Tried
    scope: dict[str, Any]


@dataclass(frozen=True)
class IntentData:
    """Encoded texts, their labels, and the articles `named` as their answers.

    The first `judged` texts are examples, the others support. `ordinary` have no label.
    """

    texts: Encoded
    labels: Labels
    judged: int
    classes: int
    ordinary: Encoded
    named: Named


def train_intents(data: IntentData) -> tuple[Pair, IntentsCard]:
    """Two experts (English, other languages), and how good they are, each on texts of its own languages.

    The figures on scope are the first one's.
    """
    data = _affordable(data, CHARACTERS_MAX)
    spoken = np.flatnonzero(data.texts.english)
    english = data if len(spoken) == len(data.labels) else _part(data, spoken, data.ordinary.english)
    # Where hardly anything is in English, that expert learns from the other languages' embedding alone.
    enough = len(np.unique(english.labels)) == len(np.unique(data.labels)) and english.judged >= 2 * FOLDS
    chosen = english if enough else data
    recipe, compared = choose(RECIPES, chosen)
    few = int(chosen.texts.characters.sum()) <= 2 * _COMPARED_CHARACTERS_MAX
    if chosen.judged > 2 * _COMPARED_EXAMPLES_MAX and few:
        recipe = _final(compared, chosen)
    first = _trained(recipe, chosen)
    rows = balanced_part(data.labels, _OTHER_EXAMPLES_MAX, data.texts.characters, _COMPARED_CHARACTERS_MAX)
    other = _part(data, rows, slice(None))
    second = _trained(without_english(recipe), other)
    return Pair(first.expert, second.expert), _card(recipe, compared, first, second)


def _part(data: IntentData, rows: Labels, ordinary: NDArray[np.bool_] | slice) -> IntentData:
    judged = int((rows < data.judged).sum())
    kept = np.arange(len(data.ordinary))[ordinary]
    return IntentData(
        data.texts.take(rows), data.labels[rows], judged, data.classes, data.ordinary.take(kept), data.named[rows]
    )


def _affordable(data: IntentData, characters_max: int) -> IntentData:
    """As many examples of each intent as may be read, and all support."""
    judged = np.arange(data.judged)
    part = balanced_part(data.labels[judged], data.judged, data.texts.characters[judged], characters_max)
    return _part(data, np.concatenate([part, np.arange(data.judged, len(data.labels))]), slice(None))


def without_english(recipe: Recipe) -> Recipe:
    """The recipe for texts in other languages: the multilingual embedding takes the place of the English one."""
    weights: dict[str, float] = {}
    for block, share in recipe.weights.items():
        name = block.replace("english_middle_", "english_").replace("english_", "multilingual_")
        weights[name] = weights.get(name, 0.0) + share
    return Recipe(recipe.kind, recipe.mix, weights, recipe.telling)


def choose(recipes: Sequence[Recipe], data: IntentData) -> tuple[Recipe, dict[str, float]]:
    """The recipe with the highest accuracy on held-out examples (of many, on a part of them), and all accuracies."""
    inside = np.flatnonzero(data.labels[: data.judged] != OUTSIDE)
    support = np.arange(data.judged, len(data.labels))
    lengths = data.texts.characters[inside]
    judged = inside[balanced_part(data.labels[inside], _COMPARED_EXAMPLES_MAX, lengths, _COMPARED_CHARACTERS_MAX)]
    rows = np.concatenate([judged, support])
    texts, labels = data.texts.take(rows), data.labels[rows]
    found: dict[str, float] = {}
    for recipe in recipes:
        held = hold_out(recipe, texts, labels, data.classes, judged=len(judged), folds_max=_COMPARED_FOLDS)
        found[recipe.name] = round(float((held.scores.argmax(axis=1) == labels[held.rows]).mean()), 4)
    best = max(recipes, key=lambda recipe: found[recipe.name])
    return best, found


def _final(compared: dict[str, float], data: IntentData) -> Recipe:
    """The better of the two best kinds of head, with all examples: what wins on a few need not win on many."""
    finalists: dict[str, Recipe] = {}
    for recipe in sorted(RECIPES, key=lambda recipe: -compared[recipe.name]):
        finalists.setdefault(recipe.kind, recipe)
    accuracies: list[tuple[float, Recipe]] = []
    for recipe in list(finalists.values())[:2]:
        held = hold_out(recipe, data.texts, data.labels, data.classes, judged=data.judged, folds_max=1)
        known = data.labels[held.rows]
        right = (held.scores.argmax(axis=1) == known)[known != OUTSIDE]
        compared[f"{recipe.name}, all examples"] = round(float(right.mean()), 4)
        accuracies.append((float(right.mean()), recipe))
    return max(accuracies, key=lambda one: one[0])[1]


def _trained(recipe: Recipe, data: IntentData) -> Trained:
    count = FOLDS if data.judged <= ALL_FOLDS_EXAMPLES_MAX else 1
    partitions = max(1, min(_PARTITIONS_MAX, _HELD_OUT_MAX // data.judged))
    held = hold_out(
        recipe,
        data.texts,
        data.labels,
        data.classes,
        judged=data.judged,
        named=data.named,
        folds_max=count,
        partitions=partitions,
    )
    expert = fit_expert(recipe, data.texts, data.labels, data.classes, named=data.named)
    known = data.labels[held.rows]
    inside = known != OUTSIDE
    right = held.scores[inside].argmax(axis=1) == known[inside]
    warmth = warmth_of(held.scores[inside], best_chance, right)
    sure = best_chance(calibrated(held.scores[inside], warmth))
    scope, figures = _scope(recipe, data, held, expert)
    expert = recalibrated(expert, warmth, scope, curve_of(held.articles, data.named[held.rows]))
    tried = Tried(sure, right, data.texts.english[held.rows][inside], held.rows[inside])
    return Trained(expert, tried, _tried_articles(expert, held, data), figures)


def _tried_articles(expert: Expert, held: HeldOut, data: IntentData) -> Tried:
    """On the texts of which it is known what answers them, if anything does."""
    named = data.named[held.rows]
    told = np.flatnonzero((named != UNKNOWN).any(axis=1))
    rows = held.rows[told]
    if expert.answers is None or not len(told):
        return Tried(np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0, dtype=bool), rows[:0])
    chances = expert.answers.chances(held.articles[told])
    right = named[told, chances.argmax(axis=1)] == 1
    return Tried(best_chance(chances), right, data.texts.english[rows], rows)


def _card(recipe: Recipe, compared: dict[str, float], first: Trained, second: Trained) -> IntentsCard:
    intents = by_language(first.intents, second.intents)
    articles = by_language(first.articles, second.articles)
    named = len(articles.sure) > 0
    return IntentsCard(
        recipe=recipe.name,
        compared=compared,
        accuracy=round(float(intents.right.mean()), 4),
        ece=round(expected_calibration_error(intents.sure, intents.right), 4),
        ece_of_chance=round(error_of_chance(intents.sure, intents.text), 4),
        coverage_at_5_risk=round(coverage_at_risk(intents.sure, intents.right, 0.05), 4),
        article_accuracy=round(float(articles.right.mean()), 4) if named else None,
        article_ece=round(expected_calibration_error(articles.sure, articles.right), 4) if named else None,
        **first.scope,
    )


def _scope(recipe: Recipe, data: IntentData, held: HeldOut, expert: Expert) -> tuple[Numbers, dict[str, Any]]:
    """Learned from the examples out of scope or, where there are none, from intents left out in turn."""
    known = data.labels[held.rows]
    inside, outside = held.evidence[known != OUTSIDE], held.evidence[known == OUTSIDE]
    learned_from = "examples"
    if len(outside) < FOLDS:
        learned_from = "intents left out in turn"
        rows = np.flatnonzero(data.labels[: data.judged] != OUTSIDE)
        pretended = list(pretended_outside(recipe, data.texts.take(rows), data.labels[rows], data.classes))
        outside = np.vstack(pretended) if pretended else np.zeros((0, inside.shape[1]))
    if min(len(inside), len(outside)) < FOLDS:
        return np.zeros(0), {}
    if len(data.ordinary):
        inside = np.vstack([inside, expert.judge(data.ordinary).evidence])
    weights = scope_weights(inside, outside, SCOPE_FALSE_ALARMS_MAX)
    scores = np.concatenate([inside, outside]) @ weights[:-1] + weights[-1]
    labels = np.arange(len(scores)) >= len(inside)
    return weights, {
        "scope_learned_from": learned_from,
        "scope_auroc": round(float(roc_auc_score(labels, scores)), 4),
        "scope_recall": round(float((scores[labels] >= 0).mean()), 4),
        "scope_false_alarms": round(float((scores[~labels] >= 0).mean()), 4),
    }
