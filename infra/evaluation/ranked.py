"""Sets of judged queries: how they are read, and the figures of a ranking."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.evaluation.data import DataUnreadable, rows
from services.retrieval.adapters.sources.articles import KnowledgeUnreadable
from services.retrieval.adapters.sources.files import read_documents
from services.retrieval.rules.passages import Document

Judgements = Mapping[str, Mapping[str, float]]
Ranking = Sequence[str]


def figures(rankings: Mapping[str, Ranking], judged: Judgements) -> dict[str, float]:
    """Means over the queries. nDCG has the gain 2^score - 1 (Burges et al., ICML 2005), as TREC's has for scores 0, 1.

    Args:
        rankings: for each query the ids of documents, best first.
        judged: for each query the documents that answer it, with a score above 0.
    """
    rows_ = [_row(rankings.get(name, ()), relevant) for name, relevant in judged.items()]
    return {name: round(float(np.mean([row[name] for row in rows_])), 4) for name in rows_[0]}


def _row(ranking: Ranking, relevant: Mapping[str, float]) -> dict[str, float]:
    hits = [document in relevant for document in ranking[:10]]
    return {
        "ndcg@5": _ndcg(ranking, relevant, 5),
        "ndcg@10": _ndcg(ranking, relevant, 10),
        "recall@5": sum(hits[:5]) / len(relevant),
        "recall@10": sum(hits) / len(relevant),
        "hit@3": float(any(hits[:3])),
        "mrr@10": next((1 / place for place, hit in enumerate(hits, start=1) if hit), 0.0),
    }


def _ndcg(ranking: Ranking, relevant: Mapping[str, float], depth: int) -> float:
    def discounted(scores: Sequence[float]) -> float:
        return float(sum((2**score - 1) / np.log2(place + 1) for place, score in enumerate(scores[:depth], start=1)))

    return discounted([relevant.get(name, 0.0) for name in ranking]) / discounted(sorted(relevant.values())[::-1])


def read_queries(folder: Path) -> dict[str, str]:
    """The text of each query of the set in `folder`, by its id.

    Raises:
        DataUnreadable: there is no such file, or a line of it is malformed.
    """
    return {str(row["_id"]): str(row["text"]) for row in rows(folder / "queries.jsonl", ["_id", "text"])}


def read_judgements(folder: Path, queries: Collection[str]) -> Judgements:
    """For each judged one of the queries the documents that answer it, with a score above 0.

    Raises:
        DataUnreadable: the file is missing or malformed, or judges none of the queries.
    """
    path = folder / "qrels.tsv"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[1:]
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnreadable(f"{path} cannot be read: {error}") from error
    judged: dict[str, dict[str, float]] = {}
    for number, line in enumerate(lines, start=2):
        fields = line.split("\t")
        try:
            query, document, score = fields[0], fields[1], float(fields[2])
        except (IndexError, ValueError) as error:
            raise DataUnreadable(f"{path}, line {number}: needs query-id, corpus-id and score by tabs") from error
        if score > 0 and query in queries:
            judged.setdefault(query, {})[document] = score
    if not judged:
        raise DataUnreadable(f"{path} judges none of the queries")
    return judged


def read_corpus(folder: Path) -> list[Document]:
    """The corpus as articles, read as an ingest reads it.

    Raises:
        DataUnreadable: it is missing or malformed.
    """
    plain = folder / "corpus.jsonl"
    try:
        return list(read_documents(plain if plain.exists() else folder / "corpus.jsonl.gz"))
    except KnowledgeUnreadable as error:
        raise DataUnreadable(str(error)) from error


async def settle(engine: AsyncEngine) -> None:
    """This function will do at once what autovacuum does a minute after a large ingest."""
    async with engine.connect() as connection:
        # VACUUM refuses to run in a transaction.
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text("VACUUM (ANALYZE) retrieval.posting, retrieval.chunk, retrieval.term"))
