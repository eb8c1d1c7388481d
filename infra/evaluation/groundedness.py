"""How well unsupported answers are told from supported ones: labelled answers through validation's model of support."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import balanced_accuracy_score, f1_score

from infra.evaluation.data import DataUnreadable, rows
from infra.evaluation.figures import Flags, Numbers, auroc
from infra.evaluation.result import Evaluation, Progress
from services.validation.adapters import read_support
from services.validation.rules.claims import ANSWER_CHARACTERS_MAX, statements_in
from services.validation.rules.grounding import Grounding, SupportModel
from services.validation.rules.source import read_source
from services.validation.settings import ValidationSettings


def evaluate(data: Path, progress: Progress) -> Evaluation:
    """The figures for one file of `{"source", "question"?, "answer", "grounded"}`.

    Raises:
        DataUnreadable: the file cannot be read, or a row has another type than it should.
    """
    model = read_support(ValidationSettings().support_model)
    cases = [_checked(row, f"{data}, row {place}") for place, row in enumerate(rows(data, _FIELDS), start=1)]
    grounded = np.array([bool(row["grounded"]) for row in cases])
    started = time.perf_counter()
    found = [ground(model, row["question"], row["source"], row["answer"]) for row in progress(cases, "judging")]
    seconds = time.perf_counter() - started
    likely = np.array([one.answer for one in found])
    return Evaluation(
        figures=_figures(grounded, likely, model.answer_threshold) | {"ms_per_answer": _milliseconds(seconds, cases)},
        confidence=np.maximum(likely, 1 - likely),
        right=(likely >= 0.5) == grounded,
        table={name: _row(grounded == value, likely) for name, value in (("grounded", True), ("not grounded", False))},
        notes=(
            f"Model of support {model.version}; an answer counts as grounded from {model.answer_threshold:.3f} on.",
            "f1 is that of the class “not grounded”, since finding these is the task.",
            "ms_per_answer includes reading the source, on one thread.",
        ),
    )


def ground(model: SupportModel, question: str, source: str, answer: str) -> Grounding:
    """How far an answer follows from one source, as validation judges a draft in English that cites it throughout."""
    claims = [text for *_, text in statements_in(answer)] or [answer[:ANSWER_CHARACTERS_MAX]]
    read = read_source(source)
    return model.ground(question, [(claim, read) for claim in claims], " ".join(claims), read)


_FIELDS = ("source", "answer", "grounded")


def _checked(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    question = row.get("question") or ""
    if not all(isinstance(text, str) for text in (row["source"], row["answer"], question)):
        raise DataUnreadable(f"{place}: source, answer or question is no text")
    if not isinstance(row["grounded"], bool):
        raise DataUnreadable(f"{place}: grounded is neither true nor false")
    return {**row, "question": question}


def _figures(grounded: Flags, likely: Numbers, threshold: float) -> dict[str, Any]:
    area = auroc(grounded, likely)
    accepted = likely >= threshold
    return {
        "auroc": None if area is None else round(area, 4),
        "balanced_accuracy": None if area is None else round(float(balanced_accuracy_score(grounded, accepted)), 4),
        "f1": round(float(f1_score(~grounded, ~accepted, zero_division=0.0)), 4),
    }


def _milliseconds(seconds: float, cases: list[dict[str, Any]]) -> float:
    return round(1_000 * seconds / len(cases), 2)


def _row(chosen: Flags, likely: Numbers) -> dict[str, float]:
    return {
        "answers": float(chosen.sum()),
        "mean probability": float(likely[chosen].mean()) if chosen.any() else 0.0,
    }
