"""Figures of a ranking, and the baseline beside which they stand."""

import json
from pathlib import Path

import numpy as np
import pytest

from infra.evaluation.baseline import Bm25, FusedBaseline
from infra.evaluation.data import DataUnreadable
from infra.evaluation.ranked import figures, read_corpus, read_judgements, read_queries
from tests.fakes.embedding import WordEmbedder


def test_a_perfect_ranking_has_perfect_figures() -> None:
    found = figures({"q": ["a", "b", "c"]}, {"q": {"a": 1.0, "b": 1.0}})

    assert found == {"ndcg@5": 1.0, "ndcg@10": 1.0, "recall@5": 1.0, "recall@10": 1.0, "hit@3": 1.0, "mrr@10": 1.0}


def test_figures_follow_their_definitions() -> None:
    found = figures({"q": ["x", "a", "y", "z", "w", "v", "b"]}, {"q": {"a": 1.0, "b": 1.0}})

    ideal = 1 + 1 / np.log2(3)
    assert found["ndcg@5"] == pytest.approx((1 / np.log2(3)) / ideal, abs=1e-4)
    assert found["ndcg@10"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(8)) / ideal, abs=1e-4)
    assert (found["recall@5"], found["recall@10"], found["mrr@10"], found["hit@3"]) == (0.5, 1.0, 0.5, 1.0)


def test_a_query_for_which_nothing_was_found_counts_as_zero() -> None:
    assert figures({"q": ["a"]}, {"q": {"a": 1.0}, "lost": {"a": 1.0}})["ndcg@10"] == 0.5


def test_bm25_prefers_rare_words_and_short_texts() -> None:
    texts = ["the card", "the card and the " + "long " * 60, "the the the", "the zebra"]

    scores = Bm25(texts).scores("the Card?")

    assert list(np.argsort(-scores)[:2]) == [0, 1]
    assert Bm25(texts).scores("zebra")[:3].sum() == 0
    assert Bm25(texts).scores("unheard").sum() == 0


def test_the_baseline_puts_first_what_both_rankings_praise() -> None:
    texts = ["reset a forgotten password", "download an invoice", "password rules", "delete the account"]
    embedder = WordEmbedder()

    ranked = FusedBaseline(texts, embedder.embed(texts), embedder).ranked("forgotten password")

    assert ranked[0] == 0
    assert sorted(ranked) == [0, 1, 2, 3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [{"_id": "d1", "title": "One", "text": "First."}, {"_id": "d2", "title": "", "text": "Second."}]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "first?"}\n{"_id": "q2", "text": "none"}\n')
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq9\td1\t1\n")
    return tmp_path


def test_a_set_is_read_with_judged_queries_alone(folder: Path) -> None:
    queries = read_queries(folder)

    assert queries == {"q1": "first?", "q2": "none"}
    assert read_judgements(folder, queries) == {"q1": {"d1": 1.0}}
    assert [document.document_id for document in read_corpus(folder)] == ["d1", "d2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("query-id\tcorpus-id\tscore\nq1 d1 1\n", "line 2"),
        ("query-id\tcorpus-id\tscore\nq1\td1\tmuch\n", "line 2"),
        ("query-id\tcorpus-id\tscore\n", "judges none"),
        ("query-id\tcorpus-id\tscore\nq1\td1\t0\n", "judges none"),
    ],
)
def test_judgements_that_cannot_be_used_are_told_plainly(folder: Path, content: str, message: str) -> None:
    (folder / "qrels.tsv").write_text(content)

    with pytest.raises(DataUnreadable, match=message):
        read_judgements(folder, {"q1": "first?"})


def test_a_missing_file_is_told_plainly(folder: Path) -> None:
    for name in ("qrels.tsv", "corpus.jsonl"):
        (folder / name).unlink()

    with pytest.raises(DataUnreadable, match=r"qrels\.tsv"):
        read_judgements(folder, {"q1": "first?"})
    with pytest.raises(DataUnreadable, match="corpus"):
        read_corpus(folder)
