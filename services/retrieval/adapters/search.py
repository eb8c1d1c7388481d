"""Candidates from PostgreSQL: the best passages by BM25 and by cosine, with what their order is decided by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import Evidence
from services.retrieval.rules.ranking import Candidate
from services.retrieval.rules.terms import AskedTerm, choose_terms
from shared.embedding import MiniLM, Vectors

# Okapi BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) with the customary parameters.
_BM25_K1 = 1.2
_BM25_B = 0.75

_ASKED = text("""
    WITH corpus AS (
        SELECT chunks, total_terms, configurations FROM retrieval.corpus WHERE tenant = :tenant AND chunks > 0),
    asked AS (
        SELECT lexeme, max(cardinality(positions)) AS asked
        FROM corpus, unnest(configurations) AS configuration, unnest(to_tsvector(configuration, :query))
        GROUP BY lexeme)
    SELECT chunks, total_terms, lexeme, asked, found_in
    FROM corpus LEFT JOIN (
        asked JOIN retrieval.term USING (lexeme)) ON term.tenant = :tenant AND term.audience = 'customer'""")

_CANDIDATES = text("""
    WITH asked AS (
        SELECT lexeme, weight
        FROM unnest(CAST(:lexemes AS text[]), CAST(:weights AS float8[])) AS asked (lexeme, weight)),
    hits AS MATERIALIZED (
        SELECT chunk_id, lexeme,
               weight * frequency * (:k1 + 1) / (frequency + :k1 * (1 - :b + :b * terms / :mean_terms)) AS score
        FROM asked JOIN retrieval.posting USING (lexeme)
        WHERE tenant = :tenant AND audience = 'customer'),
    lexical AS (SELECT chunk_id FROM hits GROUP BY chunk_id ORDER BY sum(score) DESC, chunk_id LIMIT :pool),
    dense AS (
        SELECT chunk_id FROM retrieval.chunk WHERE tenant = :tenant AND audience = 'customer'
        ORDER BY embedding <#> CAST(:vector AS halfvec) LIMIT :pool),
    candidate AS (SELECT chunk_id FROM lexical UNION SELECT chunk_id FROM dense),
    matched AS (
        SELECT chunk_id, sum(score) AS lexical, array_agg(lexeme) AS lexemes
        FROM hits JOIN candidate USING (chunk_id) GROUP BY chunk_id)
    SELECT chunk.document_id, title, url, heading, chunk.body, span_start, span_end, version, updated_at,
           title_lexemes, lexemes, coalesce(lexical, 0) AS lexical,
           -(embedding <#> CAST(:vector AS halfvec)) AS similarity,
           -(subvector(embedding, 1, :english_dimensions) <#> CAST(:english AS halfvec)) AS english_cosine
    FROM candidate JOIN retrieval.chunk USING (chunk_id)
    JOIN retrieval.document ON document.tenant = chunk.tenant AND document.document_id = chunk.document_id
    LEFT JOIN matched USING (chunk_id)
    WHERE chunk.tenant = :tenant""")


@dataclass(frozen=True)
class Found:
    """Passages in no order, and the terms that were looked up with their weights."""

    candidates: Sequence[Candidate]
    terms: dict[str, float]


async def find_candidates(connection: AsyncConnection, tenant: str, query: str, vector: Vectors, pool: int) -> Found:
    """The best `pool` passages by words and the best `pool` by meaning that customers of the tenant may see.

    Args:
        connection: within a transaction.
        tenant: whose knowledge is searched.
        query: any text.
        vector: the query's vector.
        pool: how many passages each of the two searches gives.
    """
    asked = {"tenant": tenant, "query": query.encode("utf-8", "replace").decode()}
    rows = (await connection.execute(_ASKED, asked)).all()
    if not rows:
        return Found((), {})
    passages, total_terms = rows[0].chunks, rows[0].total_terms
    terms = choose_terms((AskedTerm(row.lexeme, row.asked, row.found_in) for row in rows if row.lexeme), passages)
    parameters = {
        "tenant": tenant,
        "lexemes": list(terms),
        "weights": list(terms.values()),
        "mean_terms": max(1.0, total_terms / passages),
        "k1": _BM25_K1,
        "b": _BM25_B,
        "pool": pool,
        "vector": vector_literal(vector),
        "english": vector_literal(vector[: MiniLM.dimensions]),
        "english_dimensions": MiniLM.dimensions,
    }
    found = (await connection.execute(_CANDIDATES, parameters)).mappings().all()
    return Found([_candidate(dict(row)) for row in found], terms)


def vector_literal(vector: Vectors) -> str:
    """The vector as pgvector reads it."""
    return "[" + ",".join(f"{value:.5g}" for value in vector.tolist()) + "]"


def _candidate(row: dict[str, Any]) -> Candidate:
    return Candidate(
        evidence=_evidence(row),
        english_cosine=float(row["english_cosine"]),
        matched=frozenset(row["lexemes"] or ()),
        title=frozenset(row["title_lexemes"]),
        updated_at=row["updated_at"],
    )


def _evidence(row: dict[str, Any]) -> Evidence:
    return Evidence(
        evidence_id=f"{row['document_id'][:400]}@{row['version']}:{row['span_start']}",
        document_id=row["document_id"],
        title=row["title"],
        url=row["url"],
        heading=row["heading"],
        text=row["body"],
        start=row["span_start"],
        end=row["span_end"],
        score=0.0,
        similarity=max(-1.0, min(1.0, float(row["similarity"]))),
        lexical=max(0.0, float(row["lexical"])),
        document_version=row["version"],
    )
