"""`python -m infra.training.groundedness --data DIR`: trains validation's model of support from labelled answers.

DIR is the folder of labelled data (default HANDRAIL_DATA). Writes support_model.json and support_model.card.json beside
the service; takes about five minutes on one core, most of it cross-validation.
"""

import argparse
import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from infra.evaluation.result import Progress, quiet
from infra.training.groundedness_data import (
    LICENCES,
    UNSEEN_SETS,
    Measured,
    measured,
    rarity_table,
    read_examples,
)
from infra.training.trees import plain_trees
from services.validation.rules.grounding import RARITY_STEPS, SupportModel, answer_measures
from services.validation.rules.source import Rarity
from services.validation.rules.support import Measures
from services.validation.rules.trees import Trees
from services.validation.settings import ValidationSettings

VERSION = "trees-2"
FOLDS, INNER_FOLDS, REPEATS = 5, 4, 2
FALSE_ALARMS_MAX = 0.05
CLAIM_TREES, ANSWER_TREES = 150, 200
# Only these sets say which part of an answer is wrong; and claims of other kinds made the model judge by their style.
CLAIM_SETS = frozenset({"ragtruth_qa", "ragtruth_summary", "ragtruth_data2txt"})
# A claim is judged beside its source alone, whoever asked.
_NOT_OF_CLAIMS = {"asked", "new", "new_seen", "new_seen_rare", "neither", "question_words"}
SETTINGS = {
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

Numbers = NDArray[np.float64]
Indexes = NDArray[np.int64]


def fit(
    rows: Sequence[Measures],
    right: Sequence[bool],
    weights: Numbers,
    trees: int,
    settings: Mapping[str, Any] = SETTINGS,
) -> Trees:
    """Boosted trees that tell the rows that are right; `settings` are LightGBM's."""
    names = list(rows[0])
    table = np.array([list(row.values()) for row in rows], dtype=np.float64)
    data = lightgbm.Dataset(table, np.array(right, dtype=np.float64), weight=weights / weights.mean())
    return plain_trees(lightgbm.train(dict(settings), data, trees), names)


class Trainer:
    """The labelled answers, and both models trained on any part of them."""

    def __init__(self, answers: Sequence[Measured]) -> None:
        self.answers = answers
        self.sets = np.array([one.example.of for one in answers])
        self.grounded = np.array([one.example.grounded for one in answers])
        sources = [one.example.source for one in answers]
        self.groups = np.array([int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) for text in sources])
        # One set, one vote: else the thousands of short answers would drown the hundreds of long ones.
        shares = {name: 1.0 / float((self.sets == name).sum()) for name in sorted(set(self.sets))}
        self.weights = np.array([shares[name] for name in self.sets])

    def claims(self, chosen: Indexes) -> Trees:
        """The model of claims, trained on the chosen answers."""
        rows: list[Measures] = []
        right: list[bool] = []
        weights: list[float] = []
        for one, weight in ((self.answers[index], self.weights[index]) for index in chosen):
            for row, label in zip(one.claims, one.example.claim_labels, strict=True):
                if label is not None and one.example.of in CLAIM_SETS:
                    rows.append({name: value for name, value in row.items() if name not in _NOT_OF_CLAIMS})
                    right.append(label)
                    weights.append(weight)
        return fit(rows, right, np.array(weights), CLAIM_TREES)

    def support(self, model: Trees, chosen: Indexes) -> list[list[float]]:
        """What a model of claims says of every claim of the chosen answers."""
        return [model.probabilities(self.answers[index].claims) for index in chosen]

    def rows(self, chosen: Indexes, support: Sequence[Sequence[float]]) -> list[Measures]:
        """The rows for the model of answers."""
        chosen_answers = [self.answers[index] for index in chosen]
        return [answer_measures(one.whole, one.claims, said) for one, said in zip(chosen_answers, support, strict=True)]

    def both(self, chosen: Indexes) -> tuple[Trees, Trees]:
        """Both models, trained on the chosen answers; for that of answers, a model judges claims that it has not seen.

        Stacked generalisation as in Wolpert (1992), folds by source.
        """
        support: dict[int, list[float]] = {}
        for seen, unseen in GroupKFold(INNER_FOLDS).split(chosen, groups=self.groups[chosen]):
            part = self.support(self.claims(chosen[seen]), chosen[unseen])
            support.update(zip(chosen[unseen].tolist(), part, strict=True))
        rows = self.rows(chosen, [support[index] for index in chosen.tolist()])
        answers = fit(rows, self.grounded[chosen].tolist(), self.weights[chosen], ANSWER_TREES, ANSWER_SETTINGS)
        return self.claims(chosen), answers


def cross_validated(trainer: Trainer, progress: Progress) -> tuple[list[Numbers], list[list[list[float]]]]:
    """For each repeat, the probability of each answer and of its claims, by models that never saw its source."""
    everything = np.arange(len(trainer.answers))
    answers, claims = [], []
    for repeat in range(REPEATS):
        likely = np.zeros(len(everything))
        support: list[list[float]] = [[] for _ in everything]
        folds = GroupKFold(FOLDS, shuffle=True, random_state=repeat).split(everything, groups=trainer.groups)
        for seen, unseen in progress(list(folds), f"cross-validation {repeat + 1} of {REPEATS}"):
            of_claims, of_answers = trainer.both(seen)
            said = trainer.support(of_claims, unseen)
            likely[unseen] = of_answers.probabilities(trainer.rows(unseen, said))
            for index, one in zip(unseen.tolist(), said, strict=True):
                support[index] = one
        answers.append(likely)
        claims.append(support)
    return answers, claims


def best_threshold(right: Sequence[NDArray[np.bool_]], likely: Sequence[Numbers]) -> float:
    """Where accepting begins, so that balanced accuracy is best on the mean of the sets."""
    candidates = np.linspace(0.05, 0.95, 91)
    mean = [
        np.mean([balanced_accuracy_score(one, said >= limit) for one, said in zip(right, likely, strict=True)])
        for limit in candidates
    ]
    return round(float(candidates[int(np.argmax(mean))]), 2)


class Tally:
    """What cross-validation found, by set."""

    def __init__(
        self, trainer: Trainer, answers: Sequence[Numbers], claims: Sequence[Sequence[Sequence[float]]]
    ) -> None:
        self.trainer = trainer
        self.answers = answers
        self.claims = claims

    def of_answers(self, name: str, repeat: int) -> tuple[NDArray[np.bool_], Numbers]:
        """Labels and probabilities of a set's answers."""
        chosen = self.trainer.sets == name
        return self.trainer.grounded[chosen], self.answers[repeat][chosen]

    def of_claims(self, name: str, repeat: int) -> tuple[NDArray[np.bool_], Numbers]:
        """Labels and probabilities of a set's labelled claims."""
        return labelled_claims(self.trainer, self.claims[repeat], name)

    def card(self) -> dict[str, Any]:
        """Thresholds and figures, each the mean of the repeats."""
        repeats, sets = range(len(self.answers)), sorted(LICENCES)
        answers = {name: [self.of_answers(name, repeat) for repeat in repeats] for name in sets}
        claims = {name: [self.of_claims(name, repeat) for repeat in repeats] for name in sorted(CLAIM_SETS)}
        limit = best_threshold(*zip(*(one for found in answers.values() for one in found), strict=True))
        claim_limit = best_threshold(*zip(*(one for found in claims.values() for one in found), strict=True))
        return {
            "answer_threshold": limit,
            "claim_threshold": claim_limit,
            "doubtful_below": round(min(_low(found) for found in answers.values()), 3),
            "answers": {name: _figures(found, limit) for name, found in answers.items()},
            "claims": {name: _figures(found, claim_limit) for name, found in claims.items()},
        }


def _low(found: Sequence[tuple[NDArray[np.bool_], Numbers]]) -> float:
    """What all but FALSE_ALARMS_MAX of a set's sound answers reach."""
    return float(np.mean([np.quantile(likely[right], FALSE_ALARMS_MAX) for right, likely in found]))


def labelled_claims(
    trainer: Trainer, claims: Sequence[Sequence[float]], name: str
) -> tuple[NDArray[np.bool_], Numbers]:
    """Labels and probabilities of those claims of a set that are labelled; `claims` by answer."""
    pairs = [
        (label, chance)
        for one, said in zip(trainer.answers, claims, strict=True)
        if one.example.of == name
        for label, chance in zip(one.example.claim_labels, said, strict=True)
        if label is not None
    ]
    return np.array([label for label, _ in pairs], dtype=bool), np.array([chance for _, chance in pairs])


def _figures(found: Sequence[tuple[NDArray[np.bool_], Numbers]], limit: float) -> dict[str, float]:
    return {
        "rows": len(found[0][0]),
        "auroc": round(float(np.mean([roc_auc_score(right, likely) for right, likely in found])), 4),
        "balanced_accuracy": round(
            float(np.mean([balanced_accuracy_score(right, likely >= limit) for right, likely in found])), 4
        ),
    }


def train(data: Path, progress: Progress = quiet) -> tuple[SupportModel, dict[str, Any]]:
    """The model and its card, from the folder of labelled data.

    Raises:
        DataUnreadable: a set is missing or malformed.
    """
    folder = data / "groundedness"
    examples = read_examples(folder, LICENCES)
    table = rarity_table(examples)
    rarity = Rarity(table / RARITY_STEPS)
    trainer = Trainer(measured(examples, rarity, progress))
    card = Tally(trainer, *cross_validated(trainer, progress)).card()
    claims, answers = trainer.both(np.arange(len(trainer.answers)))
    model = SupportModel(
        version=VERSION,
        claims=claims,
        answers=answers,
        rarity=base64.b64encode(table.tobytes()).decode(),
        claim_threshold=card["claim_threshold"],
        answer_threshold=card["answer_threshold"],
        doubtful_below=card["doubtful_below"],
    )
    unseen = Trainer(measured(read_examples(folder, UNSEEN_SETS), rarity, progress))
    return model, {
        "version": VERSION,
        "made_by": "python -m infra.training.groundedness --data DIR",
        "trained_on": LICENCES,
        "seeds": {"folds": list(range(REPEATS)), "trees": SETTINGS["seed"]},
        "cross_validated": card,
        "never_trained_on": _transfer(model, unseen),
    }


def _transfer(model: SupportModel, unseen: Trainer) -> dict[str, Any]:
    everything = np.arange(len(unseen.answers))
    said = unseen.support(model.claims, everything)
    likely = np.array(model.answers.probabilities(unseen.rows(everything, said)))
    found = {}
    for name in UNSEEN_SETS:
        chosen = unseen.sets == name
        found[name] = {
            "answers": _figures([(unseen.grounded[chosen], likely[chosen])], model.answer_threshold),
            "claims": _figures([labelled_claims(unseen, said, name)], model.claim_threshold),
        }
    return found


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("HANDRAIL_DATA"), help="the labelled data's folder")
    parser.add_argument("--out", type=Path, default=ValidationSettings().support_model, help="where the model goes")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("say where the labelled data are: --data DIR, or HANDRAIL_DATA")
    model, card = train(Path(arguments.data))
    arguments.out.write_text(model.model_dump_json() + "\n", encoding="utf-8")
    arguments.out.with_suffix(".card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(card, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
