"""How well it is told how urgent a ticket is to its writer, and in which mood it was written."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from infra.evaluation.data import DataUnreadable, rows
from infra.evaluation.result import Evaluation, Progress
from services.classification.adapters.mood import CLASSES, MoodReader
from shared.bert import MiniLM
from shared.embedding import MultilingualUSE, Remembering
from shared.language import detect_language


def evaluate(data: Path, progress: Progress) -> Evaluation:
    """The shipped model on rows `{"text", "urgency", "sentiment"}`, or on a pack's tickets with `gold`.

    `ms_per_text` includes the embeddings, which serving a ticket computes anyway. A pack's rows have `subject` and
    `body`, and both labels below `gold`.

    Raises:
        DataUnreadable: the file cannot be used.
    """
    labelled = [_row(row, f"{data}, row {number}") for number, row in enumerate(rows(data, ()), start=1)]
    reader = MoodReader(Remembering(MiniLM()), Remembering(MultilingualUSE()))
    reader("The first reading takes longer, since models are read.", "en")
    started = time.perf_counter()
    moods = [reader(text, detect_language(text)[0]) for text, _, _ in progress(labelled, "reading")]
    seconds = time.perf_counter() - started
    wanted = {"urgency": [row[1] for row in labelled], "sentiment": [row[2] for row in labelled]}
    found = {
        "urgency": [mood.urgency for mood in moods],
        "sentiment": [reader.model.sentiment.decided(mood.sentiment) for mood in moods],
    }
    figures: dict[str, Any] = {"rows": len(labelled)}
    table: dict[str, dict[str, float]] = {}
    for what, labels in wanted.items():
        by_class = f1_score(labels, found[what], labels=CLASSES, average=None, zero_division=0.0)
        figures[f"{what}_macro_f1"] = round(float(f1_score(labels, found[what], average="macro")), 4)
        figures[f"{what}_accuracy"] = round(float(accuracy_score(labels, found[what])), 4)
        table |= {
            f"{what} {one}": {"rows": labels.count(one), "f1": round(float(score), 4)}
            for one, score in zip(CLASSES, by_class, strict=True)
        }
    figures["ms_per_text"] = round(1000 * seconds / len(labelled), 2)
    return Evaluation(
        figures=figures,
        right=np.array(found["urgency"]) == np.array(wanted["urgency"]),
        table=table,
        notes=("Macro-F1 is the mean over the classes that occur.",),
    )


def _row(row: dict[str, Any], place: str) -> tuple[str, int, int]:
    """Text, urgency and sentiment."""
    labels = row.get("gold", row)
    text = row["text"] if "text" in row else f"{row.get('subject', '')}\n\n{row.get('body', '')}".strip()
    if not isinstance(text, str) or not text or not isinstance(labels, dict):
        raise DataUnreadable(f"{place}: no text, neither as text nor as subject and body")
    for name in ("urgency", "sentiment"):
        if labels.get(name) not in CLASSES or isinstance(labels[name], bool):
            raise DataUnreadable(f"{place}: {name} is none of -1, 0 and 1")
    return text, int(labels["urgency"]), int(labels["sentiment"])
