"""`handrail eval retrieval` and `handrail bench retrieval` on a real PostgreSQL that is theirs alone."""

import json
import tempfile
from pathlib import Path

import psutil
import pytest

from infra.bench.retrieval import bench_retrieval
from infra.evaluation.retrieval import evaluate

pytestmark = pytest.mark.real

ARTICLES = {
    "rollback": "Roll back a release\n\nA rollback puts an earlier release into service.",
    "invoices": "Invoices are sent on the first day of the month.",
    "certificates": "A certificate is not issued while the CAA record forbids it.",
}
FIGURES = ["ndcg@5", "ndcg@10", "recall@5", "recall@10", "hit@3", "mrr@10", "documents_per_second", "p50_ms", "p95_ms"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpus = [{"_id": name, "title": "", "text": text} for name, text in ARTICLES.items()]
    queries = [{"_id": "q1", "text": "How do I go back to an earlier release?"}, {"_id": "q2", "text": "CAA record"}]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\trollback\t1\nq2\tcertificates\t1\n")
    return tmp_path


def test_a_set_is_measured_beside_the_baseline_and_nothing_is_left(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.delenv("HANDRAIL_DATABASE_URL", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    found = evaluate(data=folder).figures

    baseline = [f"baseline_{name}" for name in ("ndcg@5", "ndcg@10", "recall@5", "recall@10")]
    assert list(found) == FIGURES + baseline
    assert (found["ndcg@10"], found["mrr@10"], found["baseline_recall@5"]) == (1.0, 1.0, 1.0)
    assert 0 < found["p50_ms"] <= found["p95_ms"]
    assert list(scratch.iterdir()) == []
    assert not [
        one.pid for one in psutil.process_iter(["cmdline"]) if str(scratch) in " ".join(one.info["cmdline"] or ())
    ]


def test_the_bench_measures_ours_and_its_peer() -> None:
    found = bench_retrieval([200, 400], None, lambda sentence: None)

    assert list(found["sizes"]) == ["200", "400"]
    for measured in found["sizes"].values():
        assert 0 < measured["p50_ms"] <= measured["p95_ms"]
        assert 0 < measured["with_query_embedding"]["p50_ms"] <= measured["with_query_embedding"]["p95_ms"]
        assert measured["full_text_search_and_exact_scan"]["p95_ms"] > 0
        assert measured["disk_mb"] > 0
    assert found["ingest"]["chunks"] >= 200
