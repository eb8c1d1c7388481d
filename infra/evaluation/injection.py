"""How well texts that try to steer a model are told from those that only ask for help."""

import time
from pathlib import Path

import numpy as np

from infra.evaluation.data import DataUnreadable, rows
from infra.evaluation.figures import auroc
from infra.evaluation.result import Evaluation, Progress
from shared.embedding import MultilingualUSE
from shared.injection.detector import InjectionDetector


def evaluate(data: Path, progress: Progress) -> Evaluation:
    """The shipped detector, with its shipped threshold, on rows `{"text", "injection"}`.

    `f1` and `recall` are None where no text is an injection, `false_alarm_rate` where all are, `auroc` in both cases.

    Raises:
        DataUnreadable: the file cannot be used.
    """
    labelled = rows(data, ("text", "injection"))
    for number, row in enumerate(labelled, start=1):
        if not isinstance(row["text"], str) or not isinstance(row["injection"], bool):
            raise DataUnreadable(f"{data}, row {number}: text is no string, or injection is neither true nor false")
    detector = InjectionDetector(MultilingualUSE())
    detector.judge("The first judgement takes longer, since models are read.")
    started = time.perf_counter()
    judgements = [detector.judge(row["text"]) for row in progress(labelled, "judging")]
    seconds = time.perf_counter() - started
    is_injection = np.array([row["injection"] for row in labelled])
    probability = np.array([one.probability for one in judgements])
    alarm = np.array([one.alarm for one in judgements])
    hits, wrong = int((alarm & is_injection).sum()), int((alarm & ~is_injection).sum())
    positives, negatives = int(is_injection.sum()), int((~is_injection).sum())
    area = auroc(is_injection, probability)
    return Evaluation(
        figures={
            "auroc": None if area is None else round(area, 4),
            "f1": round(2 * hits / (hits + wrong + positives), 4) if positives else None,
            "recall": round(hits / positives, 4) if positives else None,
            "false_alarm_rate": round(wrong / negatives, 4) if negatives else None,
            "ms_per_text": round(1000 * seconds / len(labelled), 2),
        },
        confidence=np.maximum(probability, 1 - probability),
        right=(probability >= 0.5) == is_injection,
        notes=(
            f"{len(labelled)} texts, {positives} of them injections.",
            "The model was trained on the development parts of several sets: honest figures on those are on its card.",
        ),
    )
