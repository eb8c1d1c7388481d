"""`handrail eval mood` reads plain rows and a pack's tickets, and refuses what it cannot use."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.evaluation.data import DataUnreadable
from infra.evaluation.mood import evaluate
from infra.evaluation.result import quiet

PRESSING = "Production is down, we are losing orders, please help immediately."
PLAIN = "How do I change the address on my invoice?"
FIGURES = {
    "rows",
    "urgency_macro_f1",
    "urgency_accuracy",
    "sentiment_macro_f1",
    "sentiment_accuracy",
    "ms_per_text",
}


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "texts.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_right_labels_score_and_wrong_ones_do_not(tmp_path: Path) -> None:
    right = [{"text": PRESSING, "urgency": 1, "sentiment": 0}, {"text": PLAIN, "urgency": 0, "sentiment": 0}]
    wrong = [{**row, "urgency": -1} for row in right]

    assert set(evaluate(written(tmp_path, *right), quiet).figures) == FIGURES
    assert evaluate(written(tmp_path, *right), quiet).figures["urgency_macro_f1"] == 1.0
    assert evaluate(written(tmp_path, *wrong), quiet).figures["urgency_accuracy"] == 0.0


def test_the_tickets_of_a_pack_are_read_with_their_gold(tmp_path: Path) -> None:
    ticket = {"id": "t1", "subject": "Invoice", "body": PLAIN, "gold": {"urgency": 0, "sentiment": 0, "intent": "x"}}

    figures = evaluate(written(tmp_path, ticket), quiet).figures

    assert (figures["rows"], figures["urgency_accuracy"], figures["sentiment_accuracy"]) == (1, 1.0, 1.0)


@pytest.mark.parametrize(
    "row",
    [
        {"text": PLAIN, "urgency": 2, "sentiment": 0},
        {"text": PLAIN, "urgency": True, "sentiment": 0},
        {"text": PLAIN, "urgency": 0},
        {"text": 5, "urgency": 0, "sentiment": 0},
        {"urgency": 0, "sentiment": 0},
        {"text": PLAIN, "gold": "none"},
    ],
)
def test_bad_rows_are_refused_in_words(tmp_path: Path, row: dict[str, Any]) -> None:
    with pytest.raises(DataUnreadable, match=r"texts\.jsonl, row 1"):
        evaluate(written(tmp_path, row), quiet)
