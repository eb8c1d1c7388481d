"""`handrail eval intent` on small sets, with word counts for embeddings."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.evaluation.data import DataUnreadable
from infra.evaluation.intent import evaluate
from infra.evaluation.result import Evaluation
from tests.fakes.embedding import WordEmbedder

FIGURES = {
    "accuracy",
    "in_scope_accuracy",
    "macro_f1",
    "oos_auroc",
    "oos_recall_at_5_fpr",
    "ece",
    "coverage_at_5_risk",
    "train_seconds",
    "ms_per_text",
}
TOPICS = {
    "rollback": ("deploy", "release", "revert", "version"),
    "invoice": ("billing", "receipt", "statement", "vat"),
    "domain": ("record", "dns", "nameserver", "subdomain"),
    "account": ("login", "password", "profile", "user"),
    "oos": ("pizza", "holiday", "football", "poem"),
}
Row = tuple[str, str]


def labelled(topics: Sequence[str], frame: str) -> list[Row]:
    return [
        (frame.format(one, other), topic)
        for topic in topics
        for one in TOPICS[topic]
        for other in TOPICS[topic]
        if one != other
    ]


def measured(folder: Path, train: Sequence[Row], test: Sequence[Row]) -> Evaluation:
    for name, found in (("train", train), ("test", test)):
        lines = [json.dumps({"text": text, "intent": intent}) for text, intent in found]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return evaluate(data=folder, english=WordEmbedder(), multilingual=WordEmbedder())


IN_SCOPE = ("rollback", "invoice", "domain", "account")
TRAIN, TEST = "please tell about {} and {}", "a question on {} with {}"


def test_out_of_scope_is_a_class_where_it_is_taught(tmp_path: Path) -> None:
    result = measured(tmp_path, labelled([*IN_SCOPE, "oos"], TRAIN), labelled([*IN_SCOPE, "oos"], TEST))

    assert set(result.figures) == FIGURES
    assert result.figures["in_scope_accuracy"] == 1.0
    assert result.figures["oos_auroc"] > 0.95
    assert result.figures["accuracy"] > 0.9
    assert len(result.confidence) == len(result.right) == len(labelled([*IN_SCOPE, "oos"], TEST))
    assert result.table["oos"]["texts"] == 12


def test_out_of_scope_is_recognised_without_an_example_of_it(tmp_path: Path) -> None:
    result = measured(tmp_path, labelled(IN_SCOPE, TRAIN), labelled([*IN_SCOPE, "oos"], TEST))

    assert result.figures["oos_auroc"] > 0.9
    assert any("left out in turn" in note for note in result.notes)


def test_where_nothing_is_out_of_scope_it_is_not_asked(tmp_path: Path) -> None:
    result = measured(tmp_path, labelled(IN_SCOPE, TRAIN), labelled(IN_SCOPE, TEST))

    assert result.figures["oos_auroc"] is None
    assert result.figures["oos_recall_at_5_fpr"] is None
    assert result.figures["accuracy"] == result.figures["in_scope_accuracy"]


def test_wrong_labels_are_counted_as_wrong(tmp_path: Path) -> None:
    swapped = [(text, "invoice" if intent == "domain" else intent) for text, intent in labelled(IN_SCOPE, TEST)]

    result = measured(tmp_path, labelled(IN_SCOPE, TRAIN), swapped)

    assert result.figures["accuracy"] == 0.75
    assert result.right.mean() == 0.75


def test_intents_of_one_example_can_be_taught(tmp_path: Path) -> None:
    train = [*labelled(IN_SCOPE, TRAIN), ("what is a pizza", "single"), ("oh", "lonely")]

    assert measured(tmp_path, train, labelled(IN_SCOPE, TEST)).figures["accuracy"] > 0.9


@pytest.mark.parametrize(
    "train", [[("a text", "one"), ("another", "one")], [("a text", "oos")]], ids=["one intent", "none"]
)
def test_too_few_intents_are_refused_with_a_sentence(tmp_path: Path, train: list[Row]) -> None:
    with pytest.raises(DataUnreadable, match="fewer than two intents"):
        measured(tmp_path, train, train)


def test_a_missing_file_and_a_row_that_is_no_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataUnreadable, match=r"train\.jsonl"):
        evaluate(data=tmp_path, english=WordEmbedder(), multilingual=WordEmbedder())
    (tmp_path / "train.jsonl").write_text('{"text": 1, "intent": "a"}\n')
    with pytest.raises(DataUnreadable, match="strings"):
        evaluate(data=tmp_path, english=WordEmbedder(), multilingual=WordEmbedder())
