"""How well intents and texts out of scope are recognised, by a model trained as a pack's is."""

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from infra.evaluation.data import DataUnreadable, rows
from infra.evaluation.figures import auroc, calibration_error, coverage_at_risk, percentile, recall_at_false_alarms
from infra.evaluation.result import Evaluation, Progress, quiet
from services.classification.adapters.model import TrainedClassifier
from services.classification.adapters.store import load_model
from services.classification.rules.deciding import Scores
from services.classification.training import ModelCard, train_examples
from services.classification.training.examples import OUTSIDE, Examples
from shared.bert import MiniLM
from shared.embedding import Embedder, MultilingualUSE
from shared.language import detect_language

OUT_OF_SCOPE = "oos"
LANGUAGES = ("en",)
_SURE_OUTSIDE = 0.5


def evaluate(
    *,
    data: Path,
    progress: Progress = quiet,
    english: Embedder | None = None,
    multilingual: Embedder | None = None,
) -> Evaluation:
    """Trains on `data`/train.jsonl as on a pack's examples and classifies `data`/test.jsonl as tickets are.

    Raises:
        DataUnreadable: a file is missing or malformed, or holds fewer than two intents.
    """
    taught = _labelled(data / "train.jsonl")
    asked = _labelled(data / "test.jsonl")
    english, multilingual = english or MiniLM(), multilingual or MultilingualUSE()
    examples = _examples(taught)
    with TemporaryDirectory() as folder:
        [started_at] = progress([time.perf_counter()], "training")
        card = train_examples(examples, english, multilingual, Path(folder))
        train_seconds = time.perf_counter() - started_at
        classifier = TrainedClassifier(load_model(Path(folder)), english, multilingual)
    found: list[Scores] = []
    seconds: list[float] = []
    for text, _ in progress(asked, "classifying"):
        started_at = time.perf_counter()
        found.append(classifier.scores(text, detect_language(text, LANGUAGES)[0]))
        seconds.append(time.perf_counter() - started_at)
    return _evaluation([label for _, label in asked], found, card, train_seconds, seconds)


def _labelled(path: Path) -> list[tuple[str, str]]:
    found = [(row["text"], row["intent"]) for row in rows(path, ("text", "intent"))]
    if not all(isinstance(text, str) and isinstance(intent, str) for text, intent in found):
        raise DataUnreadable(f"{path}: text and intent must be strings")
    return found


def _examples(taught: Sequence[tuple[str, str]]) -> Examples:
    intents = tuple(sorted({intent for _, intent in taught} - {OUT_OF_SCOPE}))
    if len(intents) < 2:
        raise DataUnreadable("train.jsonl holds fewer than two intents")
    place = {OUT_OF_SCOPE: OUTSIDE, **{name: k for k, name in enumerate(intents)}}
    version = hashlib.sha256(repr(taught).encode("utf-8", "replace")).hexdigest()[:12]
    return Examples(
        intents,
        tuple(text for text, _ in taught),
        tuple(place[intent] for _, intent in taught),
        LANGUAGES,
        f"evaluation-{version}",
    )


def _evaluation(
    gold: Sequence[str], found: Sequence[Scores], card: ModelCard, train_seconds: float, seconds: Sequence[float]
) -> Evaluation:
    outside = np.array([label == OUT_OF_SCOPE for label in gold])
    chance_outside = np.array([one.out_of_scope for one in found])
    top = [one.intents[0] for one in found]
    # Where neither part knows of anything out of scope, that is not asked.
    asks = bool(outside.any()) or card.out_of_scope_examples > 0
    said = [
        OUT_OF_SCOPE if asks and chance >= _SURE_OUTSIDE else name
        for (name, _), chance in zip(top, chance_outside, strict=True)
    ]
    sure = np.array([chance for _, chance in top])
    if asks:
        sure = np.maximum(chance_outside, (1 - chance_outside) * sure)
    right = np.array([one == label for one, label in zip(said, gold, strict=True)])
    in_scope = np.array([name == label for (name, _), label in zip(top, gold, strict=True)])[~outside]
    table = _table(gold, said)
    figures: dict[str, Any] = {
        "accuracy": float(right.mean()),
        "in_scope_accuracy": float(in_scope.mean()) if len(in_scope) else None,
        "macro_f1": float(np.mean([row["f1"] for row in table.values()])),
        "oos_auroc": auroc(outside, chance_outside),
        "oos_recall_at_5_fpr": recall_at_false_alarms(outside, chance_outside, 0.05),
        "ece": calibration_error(sure, right),
        "coverage_at_5_risk": coverage_at_risk(sure, right, 0.05),
        "train_seconds": train_seconds,
        "ms_per_text": 1000 * percentile(seconds, 0.5),
    }
    rounded = {name: None if value is None else round(value, 4) for name, value in figures.items()}
    return Evaluation(rounded, sure, right, table, _notes(card, asks, said, outside))


def _table(gold: Sequence[str], said: Sequence[str]) -> dict[str, dict[str, float]]:
    names = sorted(set(gold))
    scores = precision_recall_fscore_support(gold, said, labels=names, zero_division=0.0)
    return {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "texts": float(n)}
        for name, p, r, f, n in zip(names, *scores, strict=True)
    }


def _notes(card: ModelCard, asks: bool, said: Sequence[str], outside: np.ndarray[Any, Any]) -> list[str]:
    compared = "; ".join(f"{name} {accuracy}" for name, accuracy in card.heads_compared.items())
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    notes = [
        f"Trained on {card.examples} texts, {card.out_of_scope_examples} of them out of scope.",
        f"The head chosen by accuracy on held-out training texts: {card.intent_head} (compared: {compared}).",
        f"Out of scope was learned from {card.out_of_scope_learned_from}.",
        f"ms_per_text is the median, one text at a time, language detection included; OMP_NUM_THREADS: {threads}.",
    ]
    if asks:
        called = np.array([one == OUT_OF_SCOPE for one in said])
        notes.append(
            "Out of scope counts as a class of its own: from a chance of 0.5 on a text is called so. "
            f"{called[~outside].mean():.1%} of the texts in scope are."
        )
    else:
        notes.append(
            "Neither part holds a text out of scope, so that is not asked: accuracy is in_scope_accuracy. "
            "macro_f1 and ece are over the intents."
        )
    return notes
