"""`python -m infra.evaluation DATA [NAME…]`: every evaluation, one after another, as the table of the evaluation page.

Prints the table as Markdown. A set that is missing, or whose run fails, is named and left out. NAMEs pick sets by a
part of their path. The big corpora take minutes each.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS_MAX = 3_600


@dataclass(frozen=True)
class Entry:
    """One row: which command on which data, which figures, and what is known of the set.

    `published` and `baseline` are cells in words: a number, where it is from. A figure's name may be followed by `*`,
    which stands for the baseline that the same run measures.
    """

    kind: str
    data: str
    figures: tuple[str, ...]
    published: str
    baseline: str


ENTRIES = (
    Entry("intent", "intent/banking77", ("accuracy",), ".931 bge-small + SVC, best about .94", ".929 MiniLM + LR"),
    Entry(
        "intent", "intent/clinc150", ("in_scope_accuracy", "oos_auroc"), ".969 BERT / .98", ".953 / .958 MiniLM + LR"
    ),
    Entry("intent", "intent/hwu64", ("accuracy",), "about .93", "–"),
    Entry("intent", "intent/hint3_sofmattress", ("in_scope_accuracy", "oos_auroc"), "–", ".65–.83 / .74–.84 TF-IDF"),
    Entry("intent", "intent/github_issues", ("macro_f1",), ".827 SetFit", ".67 MiniLM + LR"),
    Entry("retrieval", "retrieval/techqa", ("ndcg@10", "ndcg@10*"), ".808 BM25, .811 MiniLM", ".841 fused"),
    Entry("retrieval", "retrieval/wixqa", ("ndcg@10", "ndcg@10*"), ".731 BM25, .849 MiniLM", ".850 fused"),
    Entry("retrieval", "retrieval/mtrag_cloud", ("ndcg@5", "ndcg@5*"), ".199 BM25, .276 BGE, .389 ELSER", "same run"),
    Entry("retrieval", "retrieval/tau2_banking_kb", ("recall@5", "recall@5*"), "recall@10 .197 BM25", "same run"),
    Entry("retrieval", "retrieval/scifact", ("ndcg@10", "ndcg@10*"), ".679 BM25, .713 bge-small", "same run"),
    Entry("retrieval", "retrieval/aws_docs", ("ndcg@10", "ndcg@10*", "p95_ms"), ".650 BM25", "same run"),
    Entry("groundedness", "groundedness/ragtruth_qa.jsonl", ("auroc", "balanced_accuracy"), "–", ".74 word overlap"),
    Entry(
        "groundedness", "groundedness/ragtruth_summary.jsonl", ("auroc", "balanced_accuracy"), "–", ".68 word overlap"
    ),
    Entry("groundedness", "groundedness/halueval_qa.jsonl", ("auroc", "balanced_accuracy"), "–", ".91 word overlap"),
    Entry("injection", "injection/deepset.jsonl", ("f1", "recall"), ".537 ProtectAI v2, .857 Sentinel", ".84 n-grams"),
    Entry("injection", "injection/xstest_benign.jsonl", ("false_alarm_rate",), "–", ".12–.16 n-grams"),
    Entry("injection", "injection/bipia_email.jsonl", ("auroc",), "–", ".75 n-grams"),
    Entry("pii", "pii/presidio.jsonl", ("f2", "precision", "recall"), "P .685, R .603 Presidio", "–"),
    Entry("answers", "retrieval/techqa", ("answerable_auroc", "coverage_at_5_risk"), "–", "–"),
    Entry("answers", "retrieval/wixqa", ("citation_precision", "coverage_at_5_risk"), "–", "–"),
    Entry("answers", "generation/mtrag.jsonl", ("answerable_auroc", "token_f1"), "–", "–"),
)


def measured(entry: Entry, data: Path) -> Mapping[str, Any]:
    """The figures that `handrail eval` prints.

    Raises:
        RuntimeError: the command failed; the text is its last words.
    """
    command = [sys.executable, "-m", "infra.cli.main", "eval", entry.kind, "--data", str(data / entry.data), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    if run.returncode != 0:
        raise RuntimeError((run.stderr or run.stdout).strip().splitlines()[-1])
    found: Mapping[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return found


def table(data: Path, names: list[str]) -> Iterator[str]:
    """The lines of the table, each as soon as it was measured."""
    yield "| set | published (official test part) | baseline | ours (development part) | command |"
    yield "|---|---|---|---|---|"
    for entry in ENTRIES:
        if names and not any(name in f"{entry.kind}/{entry.data}" for name in names):
            continue
        try:
            found = measured(entry, data)
        except (RuntimeError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
            print(f"{entry.kind} {entry.data}: {error}", file=sys.stderr)  # noqa: T201
            continue
        ours = ", ".join(f"{name.rstrip('*')} {_figure(found, name)}" for name in entry.figures if name[-1] != "*")
        beside = ", ".join(f"{name.rstrip('*')} {_figure(found, name)}" for name in entry.figures if name[-1] == "*")
        baseline = f"{beside} (BM25 + MiniLM, same run)" if beside else entry.baseline
        command = f"`handrail eval {entry.kind} --data {entry.data}`"
        yield f"| {entry.data} | {entry.published} | {baseline} | **{ours}** | {command} |"


def _figure(found: Mapping[str, Any], name: str) -> str:
    value = found.get(f"baseline_{name.rstrip('*')}" if name.endswith("*") else name)
    return f"{value:.3f}" if isinstance(value, float) and value < 1 else str(value)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the data sets")
    parser.add_argument("names", nargs="*", help="parts of the paths of the sets to measure; all where none is given")
    arguments = parser.parse_args()
    for line in table(arguments.data, arguments.names):
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
