"""Fits spaces and heads, and holds texts out in turn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import LogisticRegression
from sklearn.utils.extmath import randomized_svd

from services.classification.adapters.features import STANDARDISED, WIDTHS, Encoded, Space, assemble
from services.classification.adapters.heads import (
    WARMTH,
    Answers,
    Expert,
    Head,
    Kind,
    likeness_of,
)
from services.classification.rules import surface
from shared.embedding import Vectors

SEED = 20_240_607
FOLDS = 5
# A kernel regression takes the cube of its references in time and the square in memory: 16,000 are 1 GB, a minute.
REFERENCES_MAX = 16_000
# Above this, holding out one fold tells enough.
ALL_FOLDS_EXAMPLES_MAX = 4_000
DIMENSIONS = 384
RIDGE = 0.2
OUTSIDE = -1
UNKNOWN = -1
_BASIS_EXAMPLES_MAX = 3_000
# Below this, a spread is noise: counts as logarithms vary by tenths, single numbers of an embedding by hundredths.
_SPREADS_MIN = {"layout": 0.1, "english_middle_head": 0.001, "english_middle_prose": 0.001}
_LOGISTIC_STRENGTH = 10.0

Labels = NDArray[np.int64]
# For each text (row) and article (column) whether it answers: 1, 0, or UNKNOWN.
Named = NDArray[np.int8]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """A kind of head, and the shares of the blocks in its space.

    With `telling`, words weigh by how much they tell classes apart, too, not by their rarity alone.
    """

    kind: Kind
    mix: str
    weights: Mapping[str, float]
    telling: bool = False

    @property
    def name(self) -> str:
        """As the card calls it."""
        return f"{self.kind} on {self.mix}"


@dataclass(frozen=True)
class HeldOut:
    """What experts that have not seen them say of texts (`rows` of the data); see `Judgement`."""

    rows: Labels
    scores: Numbers
    evidence: Numbers
    articles: Numbers


def fit_space(recipe: Recipe, texts: Encoded, labels: Labels) -> Space:
    """The space for these texts: weights and spreads as they are in them, and the directions in which they differ most.

    Directions by a randomised singular value decomposition (Halko, Martinsson and Tropp, 2011).
    """
    weights = recipe.weights
    rarity = {name: _rarity(texts.counts(name)) for name in weights if name in WIDTHS}
    if recipe.telling:
        rarity = {name: values * _telling(texts.counts(name), labels) for name, values in rarity.items()}
    wide = {name: texts.dense(name) for name in weights if name in STANDARDISED}
    center = {name: block.mean(axis=0) for name, block in wide.items()}
    scale = {name: np.maximum(block.std(axis=0), _SPREADS_MIN[name]) for name, block in wide.items()}
    sample = texts
    if len(texts) > _BASIS_EXAMPLES_MAX:
        rows = np.sort(np.random.default_rng(SEED).permutation(len(texts))[:_BASIS_EXAMPLES_MAX])
        sample = texts.take(rows)
    blocks = assemble(sample, weights, rarity, center, scale)
    dimensions = min(DIMENSIONS, *blocks.shape)
    _, _, directions = randomized_svd(blocks, dimensions, n_iter=2, random_state=SEED)
    return Space(dict(weights), rarity, center, scale, np.ascontiguousarray(directions.T, dtype=np.float32))


def _rarity(counts: Any) -> Vectors:
    """The inverse document frequency of each bucket."""
    seen = np.bincount(counts.indices, minlength=surface.BUCKETS)
    return np.asarray(np.log((1 + counts.shape[0]) / (1 + seen)) + 1, dtype=np.float32)


def _telling(counts: Any, labels: Labels) -> Vectors:
    """How much each bucket tells classes apart: the root mean square, over classes, of its log-count ratio.

    The ratio is that of Wang and Manning (Baselines and bigrams, ACL 2012), of the shares of texts that hold it.
    What a single text holds tells nothing.
    """
    kinds, place = np.unique(labels, return_inverse=True)
    rows = np.repeat(place, np.diff(counts.indptr))
    seen = np.bincount(rows * surface.BUCKETS + counts.indices, minlength=len(kinds) * surface.BUCKETS)
    seen = seen.reshape(len(kinds), surface.BUCKETS)
    texts = np.bincount(place)[:, None]
    inside = np.log((seen + 1) / (texts + 2))
    outside = np.log((seen.sum(axis=0) - seen + 1) / (len(labels) - texts + 2))
    told = np.sqrt(((inside - outside) ** 2).mean(axis=0))
    return np.asarray(np.where(seen.sum(axis=0) > 1, told, 0.0), dtype=np.float32)


def fit_head(kind: Kind, places: Vectors, labels: Labels, classes: int, dual: "Dual") -> Head:
    """A head for `classes` classes, and one column more where a label is OUTSIDE. `dual` is for ridge alone."""
    columns = classes + int((labels == OUTSIDE).any())
    known = np.where(labels == OUTSIDE, classes, labels)
    if kind == "logistic":
        return _logistic(places, known, columns)
    one_hot = np.zeros((len(known), columns), dtype=np.float32)
    one_hot[np.arange(len(known)), known] = 1.0
    if kind == "nearest":
        return Head("nearest", one_hot, np.zeros(columns, dtype=np.float32))
    target = 2 * one_hot - 1
    bias = target.mean(axis=0)
    return Head("ridge", dual.solve(target - bias), bias)


def fit_answers(named: Named, dual: "Dual") -> Answers:
    """What tells apart which articles answer, without calibration. Where that is not known, a text teaches nothing."""
    known = named != UNKNOWN
    target = np.where(named == 1, 1.0, -1.0).astype(np.float32)
    bias = (target * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return Answers(dual.solve(np.where(known, target - bias, 0.0)), bias.astype(np.float32), np.zeros(3))


class Dual:
    """Kernel ridge regressions on texts at `places`, which count by `weights`. Factored once, when first asked."""

    def __init__(self, places: Vectors, weights: Vectors | None = None) -> None:
        self._places = places
        self._weights = weights

    def solve(self, target: Vectors) -> Vectors:
        """The dual weights (n, k) for a target (n, k)."""
        found: Vectors = cho_solve(self._factor, target, check_finite=False).astype(np.float32)
        return found

    @cached_property
    def _factor(self) -> Any:
        likeness = likeness_of(self._places, self._places)
        likeness[np.diag_indices(len(likeness))] += RIDGE / (1.0 if self._weights is None else self._weights)
        # The likeness is symmetric: its transpose is what LAPACK may overwrite in place.
        return cho_factor(likeness.T, lower=True, overwrite_a=True, check_finite=False)


def _logistic(places: Vectors, known: Labels, columns: int) -> Head:
    model = LogisticRegression(C=_LOGISTIC_STRENGTH, max_iter=100, tol=1e-3).fit(places, known)
    coefficients, intercept = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.hstack([-intercept, intercept]) / 2
    matrix = np.zeros((places.shape[1], columns), dtype=np.float32)
    bias = np.full(columns, -30.0, dtype=np.float32)
    matrix[:, model.classes_], bias[model.classes_] = coefficients.T, intercept
    return Head("logistic", matrix, bias)


def fit_expert(
    recipe: Recipe,
    texts: Encoded,
    labels: Labels,
    classes: int,
    weights: Vectors | None = None,
    named: Named | None = None,
) -> Expert:
    """An expert without calibration. Of more than REFERENCES_MAX texts, as many of each class as there is room for.

    It tells articles apart where `named` has any.
    """
    rows = balanced_part(labels, REFERENCES_MAX)
    texts, labels = texts.take(rows), labels[rows]
    space = fit_space(recipe, texts, labels)
    places = space.project(texts)
    dual = Dual(places, None if weights is None else weights[rows])
    head = fit_head(recipe.kind, places, labels, classes, dual)
    answers = fit_answers(named[rows], dual) if named is not None and named.shape[1] else None
    return Expert(space, places, labels == OUTSIDE, head, classes, np.zeros(WARMTH), np.zeros(0), answers)


def balanced_part(
    labels: Labels, count: int, characters: Labels | None = None, characters_max: int | None = None
) -> Labels:
    """Sorted places of at most `count` texts, rare classes first complete; drawn, but always the same.

    Where `characters` gives the lengths of the texts, they have `characters_max` together at most.
    """
    spent = np.zeros(len(labels), dtype=np.int64) if characters is None else characters
    if len(labels) <= count and (characters_max is None or spent.sum() <= characters_max):
        return np.arange(len(labels))
    order = np.argsort(_rank_in_class(labels), kind="stable")[:count]
    if characters_max is not None:
        order = order[np.cumsum(spent[order]) <= characters_max]
    return np.sort(order)


def _rank_in_class(labels: Labels, drawn: int = 0) -> Labels:
    """The number that each text has among those of its class, in an order that is drawn; another for each `drawn`."""
    rank = np.zeros(len(labels), dtype=np.int64)
    draw = np.random.default_rng(SEED + drawn)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        rank[draw.permutation(own)] = np.arange(len(own))
    return rank


def folds(labels: Labels, count: int = FOLDS, partition: int = 0) -> list[tuple[Labels, Labels]]:
    """What is trained on and what is held out, in turn, each class spread evenly; works for classes of one text too.

    Each `partition` divides the texts differently.
    """
    place = (_rank_in_class(labels, partition) + labels) % count
    both = [(np.flatnonzero(place != k), np.flatnonzero(place == k)) for k in range(count)]
    return [(train_on, out) for train_on, out in both if len(train_on) and len(out)]


def hold_out(
    recipe: Recipe,
    texts: Encoded,
    labels: Labels,
    classes: int,
    *,
    judged: int,
    owner: Labels | None = None,
    weights: Vectors | None = None,
    named: Named | None = None,
    folds_max: int = FOLDS,
    partitions: int = 1,
) -> HeldOut:
    """Holds out the first `judged` texts in turn, `folds_max` times at most, and so again for each partition.

    The others support: they are trained on each time or, where `owner` gives the number of the text that each belongs
    to, held out with that one.
    """
    support = np.arange(judged, len(labels))
    found: list[tuple[Labels, Numbers, Numbers, Numbers]] = []
    parts = [part for k in range(partitions) for part in folds(labels[:judged], partition=k)[:folds_max]]
    for train_on, _ in parts:
        kept = support if owner is None else support[np.isin(owner, train_on)]
        seen = np.concatenate([train_on, kept])
        part = None if weights is None else weights[seen]
        taught = None if named is None else named[seen]
        expert = fit_expert(recipe, texts.take(seen), labels[seen], classes, part, taught)
        out = np.setdiff1d(np.arange(len(labels)), seen)
        said = expert.judge(texts.take(out))
        found.append((out, said.scores, said.evidence, said.articles))
    return HeldOut(*(np.concatenate(one) for one in zip(*found, strict=True)))


def pretended_outside(recipe: Recipe, texts: Encoded, labels: Labels, classes: int) -> Iterator[Numbers]:
    """Evidence of texts whose classes were left out of training: what is out of scope where nobody gave examples."""
    for left_out in range(3):
        hidden = labels % 3 == left_out
        kept = np.unique(labels[~hidden])
        if len(kept) < 2 or not hidden.any():
            continue
        rows = np.flatnonzero(~hidden)[balanced_part(labels[~hidden], 3_000)]
        expert = fit_expert(recipe, texts.take(rows), np.searchsorted(kept, labels[rows]), len(kept))
        probe = np.flatnonzero(hidden)[balanced_part(labels[hidden], 1_000)]
        yield expert.judge(texts.take(probe)).evidence
