"""Data come from files that may be anything; reports are pages that can be opened."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from infra.evaluation.asked import judgements, read_asked
from infra.evaluation.data import DataUnreadable, rows
from infra.evaluation.report import write_report
from infra.evaluation.result import Evaluation


def test_rows_are_read_plain_and_compressed(tmp_path: Path) -> None:
    line = json.dumps({"_id": "1", "text": "ü"})
    (tmp_path / "plain.jsonl").write_text(f"{line}\n\n{line}\n", encoding="utf-8")
    (tmp_path / "corpus.jsonl.gz").write_bytes(gzip.compress(line.encode()))

    assert [row["text"] for row in rows(tmp_path / "plain.jsonl", ("_id", "text"))] == ["ü", "ü"]
    assert [row["text"] for row in rows(tmp_path / "corpus.jsonl", ("_id", "text"))] == ["ü"]


BROKEN = {
    "not JSON": (b"{", "line 1: not JSON"),
    "a list": (b"[1]", "line 1: not a JSON object"),
    "a field short": (b'{"_id": 1}', "without the field text"),
    "empty": (b"\n", "holds no row"),
    "binary": (b"\xff\xfe\x00", "cannot be read"),
}


@pytest.mark.parametrize(("content", "sentence"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "data.jsonl").write_bytes(content)

    with pytest.raises(DataUnreadable, match=sentence):
        rows(tmp_path / "data.jsonl", ("_id", "text"))


def test_a_missing_file_and_a_cut_archive_are_named(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"text": 1}' * 100)[:20])

    for name in ("none.jsonl", "cut.jsonl.gz"):
        with pytest.raises(DataUnreadable, match=f"{name} cannot be read"):
            rows(tmp_path / name, ())


def test_judgements_skip_the_header_and_what_is_not_relevant(tmp_path: Path) -> None:
    file = tmp_path / "qrels.tsv"
    file.write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq2\td3\t2\n")

    assert list(judgements(file)) == [("q1", "d1"), ("q2", "d3")]
    file.write_text("query-id\tcorpus-id\tscore\nq1 d1 1\n")
    with pytest.raises(DataUnreadable, match="line 2"):
        list(judgements(file))


def test_a_folder_of_questions_with_their_passages_is_read_as_one_set(tmp_path: Path) -> None:
    for name, answerable in (("answerable", True), ("unanswerable", False)):
        passages = [{"id": "p", "title": "", "text": f"of the {name}"}]
        row = {"id": "1", "question": "Which?", "passages": passages, "answer": "", "answerable": answerable}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")

    asked = read_asked(tmp_path)

    found = [(question.question_id, gold.answerable) for question, gold, _ in asked.questions]
    assert found == [("answerable/1", True), ("unanswerable/1", False)]
    texts = [asked.knowledge[collection][0].text for _, _, collection in asked.questions]
    assert texts == ["of the answerable", "of the unanswerable"]


def test_a_folder_without_any_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataUnreadable, match="neither corpus"):
        read_asked(tmp_path)


def test_a_report_has_its_figures_plots_and_classes_and_no_foreign_markup(tmp_path: Path) -> None:
    found = Evaluation(
        {"accuracy": 0.75},
        confidence=np.array([0.9, 0.8, 0.3, 0.2]),
        right=np.array([True, True, True, False]),
        table={"<script>|x": {"precision": 0.5, "count": 4}},
        notes=("A note.",),
    )

    page = write_report("Evaluation of intent", "handrail eval intent", found, tmp_path / "report").read_text()

    assert "| accuracy | 0.75 |" in page
    assert "A note." in page
    assert "<script>" not in page
    for plot in ("reliability.svg", "risk-coverage.svg"):
        assert plot in page
        assert "<svg" in (tmp_path / "report" / plot).read_text()
