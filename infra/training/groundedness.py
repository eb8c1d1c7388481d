"""`python -m infra.training.groundedness --data DIR`: trains validation's model of support from labelled answers.

DIR is the folder of labelled data (default HANDRAIL_DATA). Writes support_model.json and support_model.card.json beside
the service; takes about twenty minutes on one core, most of it cross-validation.
"""

import argparse
import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from infra.evaluation.result import Progress, quiet
from infra.training.groundedness_data import LICENCES, UNSEEN_SETS, measured, rarity_table, read_examples
from infra.training.groundedness_stages import ANSWER_SEEDS, CLAIM_SETS, SETTINGS, Judged, Numbers, Stages, Trainer
from infra.training.groundedness_swaps import PASSES, swapped
from services.validation.rules.grounding import RARITY_STEPS, SupportWeights
from services.validation.rules.source import Rarity
from services.validation.settings import ValidationSettings
from shared.bert import MiniLM
from shared.embedding import RememberingTokens

VERSION = "words-2"
# Ten, since what is shipped has seen all rows, and a model that lacks a fifth of so few says less of it than one that
# lacks a tenth: Kohavi, A study of cross-validation (IJCAI 1995).
FOLDS, REPEATS = 10, 1
FALSE_ALARMS_MAX = 0.05
# The answers to one source stand together, so this many sentences are seldom read twice.
SENTENCES_REMEMBERED = 10_000


def cross_validated(trainer: Trainer, progress: Progress) -> tuple[list[Numbers], list[list[list[float]]]]:
    """For each repeat, the probability of each answer and of its claims, by models that never saw its source."""
    everything = np.arange(len(trainer.answers))
    answers, claims = [], []
    for repeat in range(REPEATS):
        likely = np.zeros(len(everything))
        support: list[list[float]] = [[] for _ in everything]
        folds = GroupKFold(FOLDS, shuffle=True, random_state=repeat).split(everything, groups=trainer.groups)
        for seen, unseen in progress(list(folds), f"cross-validation {repeat + 1} of {REPEATS}"):
            found = trainer.judge(trainer.train(seen), unseen)
            likely[unseen] = found.answers
            for index, one in zip(unseen.tolist(), found.support, strict=True):
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


def train(data: Path, progress: Progress = quiet) -> tuple[SupportWeights, dict[str, Any]]:
    """The model and its card, from the folder of labelled data.

    Raises:
        DataUnreadable: a set is missing or malformed.
    """
    folder = data / "groundedness"
    tokens = RememberingTokens(MiniLM().tokens, SENTENCES_REMEMBERED).tokens
    examples = read_examples(folder, LICENCES)
    table = rarity_table(examples)
    rarity = Rarity(table / RARITY_STEPS)
    spanned = [one for one in examples if one.of in CLAIM_SETS]
    altered = [one for swapping in PASSES for one in swapped(spanned, swapping)]
    trainer = Trainer(measured(examples, rarity, tokens, progress), measured(altered, rarity, tokens, progress))
    card = Tally(trainer, *cross_validated(trainer, progress)).card()
    stages = trainer.train(np.arange(len(trainer.answers)))
    model = SupportWeights(
        version=VERSION,
        words=stages.words,
        claims=stages.claims,
        answers=stages.answers,
        rarity=base64.b64encode(table.tobytes()).decode(),
        claim_threshold=card["claim_threshold"],
        answer_threshold=card["answer_threshold"],
        doubtful_below=card["doubtful_below"],
    )
    unseen = Trainer(measured(read_examples(folder, UNSEEN_SETS), rarity, tokens, progress))
    return model, {
        "version": VERSION,
        "made_by": "python -m infra.training.groundedness --data DIR",
        "trained_on": LICENCES,
        "seeds": {
            "folds": list(range(REPEATS)),
            "trees": SETTINGS["seed"],
            "answers": list(ANSWER_SEEDS),
            "swaps": [one.seed for one in PASSES],
        },
        "rows": {"answers": len(trainer.answers), "altered_answers": len(altered)},
        "cross_validated": card,
        "never_trained_on": _transfer(stages, model, unseen),
    }


def _transfer(stages: Stages, model: SupportWeights, unseen: Trainer) -> dict[str, Any]:
    judged: Judged = unseen.judge(stages, np.arange(len(unseen.answers)))
    likely = np.array(judged.answers)
    found = {}
    for name in UNSEEN_SETS:
        chosen = unseen.sets == name
        found[name] = {
            "answers": _figures([(unseen.grounded[chosen], likely[chosen])], model.answer_threshold),
            "claims": _figures([labelled_claims(unseen, judged.support, name)], model.claim_threshold),
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
