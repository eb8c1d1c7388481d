"""`handrail eval groundedness` judges labelled answers with the model that validation serves."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.evaluation.data import DataUnreadable
from infra.evaluation.groundedness import evaluate
from infra.evaluation.result import quiet

SOURCE = (
    "Each workspace starts with 5 seats. An administrator can add seats at any time under Settings. Guests do not need"
    " a seat. Seats that are removed are credited at the end of the billing period."
)
GROUNDED = (
    "Each workspace starts with 5 seats, and an administrator can add seats at any time under Settings.",
    "Guests do not need a seat.",
    "Seats that are removed are credited at the end of the billing period.",
)
INVENTED = (
    "Workspaces were introduced by Maria Lundqvist in 1997, after the merger with Orbital Freight of Rotterdam.",
    "Premium support calls back within ninety seconds, on Sundays too, from the office in Valparaíso.",
    "The warehouse ships replacement batteries to Greenland by helicopter.",
)


def row(answer: str, *, grounded: bool, **fields: Any) -> dict[str, Any]:
    question = {"question": "How do seats work?"}
    return {"id": "1", "source": SOURCE, **question, "answer": answer, "grounded": grounded, **fields}


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "answers.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in rows), encoding="utf-8")
    return path


def test_supported_answers_score_above_invented_ones(tmp_path: Path) -> None:
    rows = [row(text, grounded=True) for text in GROUNDED] + [row(text, grounded=False) for text in INVENTED]

    found = evaluate(write(tmp_path, rows), quiet)

    assert set(found.figures) == {"auroc", "balanced_accuracy", "f1", "ms_per_answer"}
    assert found.figures["auroc"] == 1.0
    assert found.figures["balanced_accuracy"] >= 0.8
    assert found.table["grounded"]["answers"] == 3.0


def test_one_class_has_no_auroc(tmp_path: Path) -> None:
    figures = evaluate(write(tmp_path, [row(GROUNDED[0], grounded=True)]), quiet).figures

    assert (figures["auroc"], figures["balanced_accuracy"]) == (None, None)


@pytest.mark.parametrize("answer", ["", "🙂", "…", "x" * 100_000, "Ja. " * 20_000])
def test_any_answer_is_judged(answer: str, tmp_path: Path) -> None:
    rows = [row(answer, grounded=False, question=None), row(answer, grounded=True, source="")]

    assert evaluate(write(tmp_path, rows), quiet).figures["auroc"] is not None


@pytest.mark.parametrize("broken", [{"grounded": "yes"}, {"answer": 7}, {"source": None}, {"question": ["?"]}])
def test_a_row_of_another_kind_is_named(broken: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path, [row("a", grounded=True), row("b", grounded=True) | broken])

    with pytest.raises(DataUnreadable, match="row 2"):
        evaluate(path, quiet)
