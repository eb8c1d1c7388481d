"""`python -m infra.training.evidence --data DIR`: learns how far a draft can be trusted where no taxonomy is known.

Questions of open data sets go through the stages; what validation computes for each draft is learned against whether
it was right. Half of each corpus's documents are taken away for a second round, so that questions without an answer
are as frequent as they are in life. Needs no running PostgreSQL, and a few minutes.
"""

import argparse
import asyncio
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr
from rich.progress import track
from sklearn.model_selection import StratifiedGroupKFold

from infra.evaluation.answers import is_right
from infra.evaluation.asked import Asked, Gold, read_asked
from infra.evaluation.case import TENANT, Question, Stages
from infra.evaluation.database import database
from infra.evaluation.figures import auroc, calibration_error, coverage_at_risk
from infra.training.trees import plain_trees
from services.drafting.adapters.extractive import ExtractiveDrafter
from services.drafting.ports import Tier
from services.validation.rules.answering import ANSWERING_FEATURES
from services.validation.rules.confidence import EVIDENCE_FEATURES, Calibration, features_of
from services.validation.settings import ValidationSettings
from shared.bert import MiniLM
from shared.database import async_engine
from shared.embedding import MultilingualUSE, Remembering
from shared.settings import Settings

# Licences as the sets' own pages state them.
SETS = {
    "retrieval/techqa": "MIT",
    "retrieval/wixqa": "MIT",
    "retrieval/stackfaq": "MIT and CC-BY-SA-4.0",
    "generation/mtrag.jsonl": "Apache-2.0",
    "generation/clapnq_answerable.jsonl": "Apache-2.0",
    "generation/clapnq_unanswerable.jsonl": "Apache-2.0",
}
QUESTIONS_MAX = 1_000
FOLDS = 5
SEED = 20_260_401
# What can only speak for a draft, or only against it, where all else is equal (monotone constraints).
FOR = {
    *("similarity", "similarity_margin", "lexical_margin", "agreement", "word_coverage", "question_coverage"),
    *("said_near", "said_near_in_context", "said_near_second", "part_near_least", "part_near_most", "part_near_mean"),
    *("title_near", "title_margin", "pairs_seen", "best_similarity"),
}
AGAINST = {"words_unseen", "kind_missing", "asked_unseen", "asked_unsaid", "names_unseen"}
NAMES = tuple(name for name in (*EVIDENCE_FEATURES, *ANSWERING_FEATURES) if name != "support")
SETTINGS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 6,
    "learning_rate": 0.06,
    "min_child_samples": 25,
    "lambda_l2": 5.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "monotone_constraints": [int(name in FOR) - int(name in AGAINST) for name in NAMES],
    "num_threads": 1,
    "deterministic": True,
    "seed": SEED,
    "verbose": -1,
}
ROUNDS = 80

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One draft: its set, its question (the same in both rounds), validation's features, and whether it was right."""

    of: str
    question: str
    features: Mapping[str, float]
    right: bool
    answerable: bool


async def cases(data: Path) -> list[Case]:
    """The drafts for all questions of SETS; those on which the drafter abstains make no case.

    Raises:
        DataUnreadable: a set is missing or malformed.
    """
    english, multilingual = Remembering(MiniLM(one_by_one=True), 50_000), Remembering(MultilingualUSE(), 5_000)
    drafter = Tier("extractive", ExtractiveDrafter(english=english, multilingual=multilingual))
    found: list[Case] = []
    with database() as url:
        engine = async_engine(Settings(database_url=SecretStr(url)), "training")
        try:
            stages = Stages(engine, english, multilingual, [drafter])
            for number, name in enumerate(SETS):
                asked = _with_gaps(read_asked(data / name))
                for collection, documents in track(asked.knowledge.items(), f"{name}: ingesting"):
                    await stages.learn(documents, f"set-{number}-{collection}")
                questions = sorted(asked.questions, key=lambda one: zlib.crc32(one[0].question_id.encode()))
                for question, gold, collection in track(questions[:QUESTIONS_MAX], f"{name}: drafting"):
                    found += await _case(stages, name, question, gold, f"set-{number}-{collection}")
        finally:
            await engine.dispose()
    return found


def _with_gaps(asked: Asked) -> Asked:
    """The questions once more on half of the documents, where that leaves them without an answer."""
    if set(asked.knowledge) != {TENANT}:
        return asked
    kept = [one for one in asked.knowledge[TENANT] if zlib.crc32(one.document_id.encode()) % 2]
    present = {one.document_id for one in kept}
    unanswered = Gold("", False, frozenset())
    again = [
        (question, unanswered, f"{TENANT}-half")
        for question, gold, _ in asked.questions
        if gold.documents is not None and not gold.documents & present
    ]
    return replace(
        asked, knowledge={TENANT: asked.knowledge[TENANT], f"{TENANT}-half": kept}, questions=asked.questions + again
    )


async def _case(stages: Stages, name: str, question: Question, gold: Gold, collection: str) -> list[Case]:
    drafted = await stages.drafted(await stages.retrieved(question, collection))
    features = features_of(drafted, (), stages.pack, stages.embed)
    if not features:
        return []
    return [Case(name.removesuffix(".jsonl"), question.question_id, features, is_right(drafted, gold), gold.answerable)]


def fit(found: Sequence[Case], chosen: NDArray[np.int64]) -> lightgbm.Booster:
    """Boosted trees on the chosen cases; every set weighs by the root of its size."""
    sets = np.array([found[k].of for k in chosen])
    weights = np.array([(sets == one).sum() ** -0.5 for one in sets])
    right = np.array([found[k].right for k in chosen], dtype=np.float64)
    table = lightgbm.Dataset(_table(found, chosen), right, weight=weights / weights.mean())
    return lightgbm.train(SETTINGS, table, ROUNDS)


def _table(found: Sequence[Case], chosen: NDArray[np.int64]) -> Numbers:
    return np.array([[found[k].features[name] for name in NAMES] for k in chosen])


def held_out(found: Sequence[Case]) -> Numbers:
    """The probability of each case by trees that have not seen its question."""
    right = np.array([one.right for one in found])
    predicted = np.zeros(len(found))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for train_on, rest in folds.split(right, right, [one.question for one in found]):
        predicted[rest] = fit(found, train_on).predict(_table(found, rest))
    return predicted


def figures(found: Sequence[Case], predicted: Numbers) -> Iterator[tuple[str, dict[str, float | int | None]]]:
    """For all cases and for each set: how well the probabilities tell right from wrong."""
    for name in ("all", *dict.fromkeys(one.of for one in found)):
        inside = np.array([name in ("all", one.of) for one in found])
        right = np.array([one.right for one in found])[inside]
        answerable = np.array([one.answerable for one in found])[inside]
        separation, by_answer = auroc(right, predicted[inside]), auroc(answerable, predicted[inside])
        yield (
            name,
            {
                "cases": int(inside.sum()),
                "right": round(float(right.mean()), 4),
                "auroc": None if separation is None else round(separation, 4),
                "answerable_auroc": None if by_answer is None else round(by_answer, 4),
                "ece": round(calibration_error(predicted[inside], right), 4),
                "coverage_at_5_risk": round(coverage_at_risk(predicted[inside], right, 0.05), 4),
            },
        )


def train(data: Path, out: Path) -> dict[str, Any]:
    """Writes the model and its card beside it, and returns the card.

    Raises:
        DataUnreadable: a set is missing or malformed.
    """
    found = asyncio.run(cases(data))
    everything = np.arange(len(found))
    table = _table(found, everything)
    model = Calibration(
        version="confidence-2-evidence",
        trained_on="open-sets",
        kind="evidence",
        features=NAMES,
        means=tuple(round(float(value), 6) for value in table.mean(axis=0)),
        trees=plain_trees(fit(found, everything), NAMES),
        sample_size=len(found),
    )
    card = {
        "version": model.version,
        "made_by": "python -m infra.training.evidence --data DIR",
        "trained_on": SETS,
        "cross_validated": dict(figures(found, held_out(found))),
    }
    out.write_text(model.model_dump_json(exclude_defaults=True) + "\n", encoding="utf-8")
    out.with_suffix(".card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--out", type=Path, default=ValidationSettings().evidence_calibration)
    arguments = parser.parse_args()
    print(json.dumps(train(arguments.data, arguments.out), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
