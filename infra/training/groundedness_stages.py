"""The stages of validation's model of support: words, claims, answers, each trained on what the one before says."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from infra.training.groundedness_data import Measured
from infra.training.trees import mean_trees
from services.validation.rules.alignment import COLUMNS, Table
from services.validation.rules.grounding import Blend, answer_measures, with_words, word_chances
from services.validation.rules.support import Measures
from services.validation.rules.trees import Trees
from services.validation.rules.wording import WordModel, word_table, write_projection

INNER_FOLDS = 4
WORD_TREES, CLAIM_TREES, ANSWER_TREES = 200, 150, 200
# Only these sets say which part of an answer is wrong; and claims of other kinds made the model judge by their style.
CLAIM_SETS = frozenset({"ragtruth_qa", "ragtruth_summary", "ragtruth_data2txt"})
# A claim is judged beside its source alone, whoever asked.
_NOT_OF_CLAIMS = {"asked", "new", "new_seen", "new_seen_rare", "neither", "question_words"}
SETTINGS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.04,
    "num_leaves": 6,
    "min_child_samples": 30,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "use_missing": False,
    "num_threads": 1,
    "deterministic": True,
    "seed": 1,
    "verbose": -1,
}
# Answers are few and their measures many: stronger restraint, which was worth .01 on the summaries.
ANSWER_SETTINGS = SETTINGS | {"feature_fraction": 0.2, "lambda_l2": 50.0, "min_child_samples": 100}
# And the mean of several, each with rows and measures of its own choice: Breiman, Bagging predictors (1996).
ANSWER_SEEDS = (1, 2, 3, 4, 5)
WORD_SETTINGS = SETTINGS | {"num_leaves": 15, "min_child_samples": 100, "max_bin": 63}
PROJECTED = 48
# Right words are twenty times as many as wrong ones; a third of them, counted threefold, train as well.
RIGHT_WORDS_KEPT = 1 / 3
SWAPPED_WEIGHT = 0.12
SUSPICION_WEIGHT = 0.7

Numbers = NDArray[np.float64]
Indexes = NDArray[np.int64]
Chances = Sequence[Sequence[float]]


def fit(
    rows: Sequence[Measures],
    right: Sequence[bool],
    weights: Numbers,
    trees: int,
    settings: Mapping[str, Any] = SETTINGS,
    seeds: Sequence[int] = (SETTINGS["seed"],),
) -> Trees:
    """Boosted trees that tell the rows that are right, for each seed as many; `settings` are LightGBM's."""
    table = np.array([list(row.values()) for row in rows], dtype=np.float64)
    return _fit_table(table, list(rows[0]), np.array(right, dtype=np.float64), weights, trees, settings, seeds)


def _fit_table(
    table: NDArray[Any],
    names: Sequence[str],
    label: Numbers,
    weights: Numbers,
    trees: int,
    settings: Mapping[str, Any],
    seeds: Sequence[int] = (SETTINGS["seed"],),
) -> Trees:
    data = lightgbm.Dataset(table, label, weight=weights / weights.mean())
    return mean_trees([lightgbm.train({**settings, "seed": seed}, data, trees) for seed in seeds], names)


@dataclass(frozen=True)
class Words:
    """Rows of the model of words: whether each is wrong, its weight, and the group of its source."""

    table: Table
    wrong: Numbers
    weights: Numbers
    groups: Indexes


@dataclass(frozen=True)
class Stages:
    """The models of words, claims and answers."""

    words: WordModel
    claims: Blend
    answers: Blend


@dataclass(frozen=True)
class Judged:
    """What the stages say of some answers: of their words and claims, each in a list by answer, and as a whole."""

    support: list[list[float]]
    answers: list[float]


def group_of(source: str) -> int:
    """One number for each source, so that its answers stay on one side of a fold."""
    return int(hashlib.sha256(source.encode()).hexdigest()[:12], 16)


def projection_of(answers: Sequence[Measured]) -> Table:
    """The PROJECTED directions in which the words of labelled answers differ most (principal components)."""
    vectors = [read.vectors for one in answers if one.example.wrong is not None for read in one.aligned if read]
    every = np.concatenate(vectors)[:: max(1, sum(map(len, vectors)) // 15_000)]
    *_, directions = np.linalg.svd(every - every.mean(axis=0), full_matrices=False)
    matrix: Table = directions[:PROJECTED].T.astype(np.float16).astype(np.float32)
    return matrix


class Trainer:
    """The labelled answers, and all models trained on any part of them.

    Args:
        answers: all that are labelled.
        swapped: altered ones, of which only the altered claims count.
    """

    def __init__(self, answers: Sequence[Measured], swapped: Sequence[Measured] = ()) -> None:
        self.answers = answers
        self.sets = np.array([one.example.of for one in answers])
        self.grounded = np.array([one.example.grounded for one in answers])
        self.groups = np.array([group_of(one.example.source) for one in answers])
        # One set, one vote: else the thousands of short answers would drown the hundreds of long ones.
        shares = {name: 1.0 / float((self.sets == name).sum()) for name in sorted(set(self.sets))}
        self.weights = np.array([shares[name] for name in self.sets])
        self.swapped = swapped
        self.measures = [name for name in answers[0].claims[0] if name not in _NOT_OF_CLAIMS]

    @cached_property
    def projection(self) -> Table:
        """See `projection_of`."""
        return projection_of(self.answers)

    @cached_property
    def _words(self) -> Words:
        answers, swapped = self.answers, self.swapped
        tables, wrong, weights, groups = [], [], [], []
        mean = float(np.mean([weight for weight, one in zip(self.weights, answers, strict=True) if one.example.wrong]))
        weighed = [*zip(answers, self.weights / mean, strict=True), *((one, SWAPPED_WEIGHT) for one in swapped)]
        altered = {id(one) for one in swapped}
        chance = np.random.default_rng(1)
        for one, weight in weighed:
            for table, label in self._rows_of(one, only_wrong=id(one) in altered):
                kept = label | (chance.random(len(label)) < RIGHT_WORDS_KEPT)
                tables.append(table[kept])
                wrong.append(label[kept])
                weights.append(np.where(label[kept], weight, weight / RIGHT_WORDS_KEPT))
                groups.append(np.full(int(kept.sum()), group_of(one.example.source)))
        return Words(*(np.concatenate(one) for one in (tables, wrong, weights, groups)))

    def _rows_of(self, one: Measured, *, only_wrong: bool) -> Iterator[tuple[Table, NDArray[np.bool_]]]:
        for measures, read, wrong in zip(one.claims, one.aligned, one.example.wrong or (), strict=False):
            if read is not None and (wrong or not only_wrong):
                label = np.array([place in wrong for place in read.places.tolist()])
                yield word_table(read, measures, self.measures, self.projection), label

    def words(self, chosen: Indexes) -> WordModel:
        """The model of words, trained on the chosen answers and on what was made of them."""
        rows = self._words
        seen = np.isin(rows.groups, np.unique(self.groups[chosen]))
        names = [*COLUMNS, *self.measures, *(f"w_vector_{place}" for place in range(PROJECTED))]
        label = rows.wrong[seen].astype(np.float64)
        trees = _fit_table(rows.table[seen], names, label, rows.weights[seen], WORD_TREES, WORD_SETTINGS)
        return WordModel(trees=trees, projected=PROJECTED, projection=write_projection(self.projection))

    def chances(self, model: WordModel, chosen: Indexes) -> list[Chances]:
        """What a model of words says of the chosen answers."""
        return [word_chances(model, self.answers[index].claims, self.answers[index].aligned) for index in chosen]

    def claims(self, chosen: Indexes, chances: Sequence[Chances]) -> Blend:
        """The model of claims, trained on the chosen answers, whose words have those chances."""
        rows: list[Measures] = []
        right: list[bool] = []
        weights: list[float] = []
        for index, words in zip(chosen.tolist(), chances, strict=True):
            one = self.answers[index]
            for row, label in zip(self.claim_rows(index, words), one.example.claim_labels, strict=True):
                if label is not None and one.example.of in CLAIM_SETS:
                    rows.append({name: value for name, value in row.items() if name not in _NOT_OF_CLAIMS})
                    right.append(label)
                    weights.append(self.weights[index])
        trees = fit(rows, right, np.array(weights), CLAIM_TREES)
        return _blend(trees, rows, "words_log_joint", np.array(weights))

    def claim_rows(self, index: int, chances: Chances) -> list[Measures]:
        """The rows for the model of claims, of one answer."""
        return [with_words(*pair) for pair in zip(self.answers[index].claims, chances, strict=True)]

    def support(self, model: Blend, chosen: Indexes, chances: Sequence[Chances]) -> list[list[float]]:
        """What a model of claims says of every claim of the chosen answers."""
        pairs = zip(chosen.tolist(), chances, strict=True)
        return [model.probabilities(self.claim_rows(index, words)) for index, words in pairs]

    def rows(self, chosen: Indexes, chances: Sequence[Chances], support: Sequence[Sequence[float]]) -> list[Measures]:
        """The rows for the model of answers."""
        found = []
        for index, words, said in zip(chosen.tolist(), chances, support, strict=True):
            found.append(answer_measures(self.answers[index].whole, self.claim_rows(index, words), said, words))
        return found

    def train(self, chosen: Indexes) -> Stages:
        """All stages, trained on the chosen answers; each learns from what the one before says of unseen sources.

        Stacked generalisation as in Wolpert (1992), folds by source.
        """
        folds = list(GroupKFold(INNER_FOLDS).split(chosen, groups=self.groups[chosen]))
        chances: list[Chances] = [()] * len(chosen)
        for seen, unseen in folds:
            _place(chances, unseen, self.chances(self.words(chosen[seen]), chosen[unseen]))
        support: list[list[float]] = [[]] * len(chosen)
        for seen, unseen in folds:
            model = self.claims(chosen[seen], [chances[place] for place in seen])
            _place(support, unseen, self.support(model, chosen[unseen], [chances[place] for place in unseen]))
        rows, weights = self.rows(chosen, chances, support), self.weights[chosen]
        answers = fit(rows, self.grounded[chosen].tolist(), weights, ANSWER_TREES, ANSWER_SETTINGS, ANSWER_SEEDS)
        return Stages(self.words(chosen), self.claims(chosen, chances), _blend(answers, rows, "doubt", weights))

    def judge(self, stages: Stages, chosen: Indexes) -> Judged:
        """What the stages say of the chosen answers."""
        chances = self.chances(stages.words, chosen)
        support = self.support(stages.claims, chosen, chances)
        return Judged(support, stages.answers.probabilities(self.rows(chosen, chances, support)))


def _place(into: list[Any], places: Indexes, values: Sequence[Any]) -> None:
    for place, value in zip(places.tolist(), values, strict=True):
        into[place] = value


def _blend(trees: Trees, rows: Sequence[Measures], suspicion: str, weights: Numbers) -> Blend:
    centre = float(np.average([row[suspicion] for row in rows], weights=weights))
    return Blend(trees=trees, suspicion=suspicion, weight=SUSPICION_WEIGHT, centre=centre)
