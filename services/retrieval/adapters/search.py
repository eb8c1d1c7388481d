"""Candidates from PostgreSQL: the best passages by BM25 and by cosine, with what their order is decided by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import Evidence
from services.retrieval.adapters.embedding import ENGLISH_DIMENSIONS, likeness
from services.retrieval.rules.ranking import Candidate
from services.retrieval.rules.terms import AskedTerm, choose_terms, leading_terms
from shared.embedding import Vectors

# Okapi BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) with the customary parameters.
_BM25_K1 = 1.2
_BM25_B = 0.75
_PROMISING_PER_CANDIDATE = 5
_EF_SEARCH_MIN = 100

# The settings hold for the rest of the transaction; to send them by themselves would be one more way to the server.
_ASKED = text("""
    WITH settings AS MATERIALIZED (
        SELECT set_config('hnsw.ef_search', :ef_search, true), set_config('hnsw.iterative_scan', 'strict_order', true),
               set_config('statement_timeout', :timeout, true)),
    corpus AS (
        SELECT chunks, total_terms, configurations FROM retrieval.corpus, settings
        WHERE tenant = :tenant AND chunks > 0),
    asked AS (
        SELECT lexeme, max(cardinality(positions)) AS asked
        FROM corpus, unnest(configurations) AS configuration, unnest(to_tsvector(configuration, :query))
        GROUP BY lexeme)
    SELECT chunks, total_terms, lexeme, asked, found_in
    FROM corpus LEFT JOIN (
        asked JOIN retrieval.term USING (lexeme)) ON term.tenant = :tenant AND term.audience = 'customer'""")

# The search by words has two levels (after Broder et al., Efficient query evaluation using a two-level retrieval
# process, CIKM 2003): the heaviest terms choose some hundred passages, and for these alone all terms are summed up. To
# sum up the postings of frequent terms for passages that are not in the running took longer than all else.
_CANDIDATES = text("""
    WITH asked AS MATERIALIZED (
        SELECT lexeme, weight, place
        FROM unnest(CAST(:lexemes AS text[]), CAST(:weights AS float8[])) WITH ORDINALITY
             AS asked (lexeme, weight, place)),
    promising AS (
        SELECT chunk_id FROM asked JOIN retrieval.posting USING (lexeme)
        WHERE tenant = :tenant AND audience = 'customer' AND place <= :leading
        GROUP BY chunk_id
        ORDER BY sum(weight * frequency / (frequency + CAST(:base AS float8) + CAST(:slope AS float8) * terms)) DESC,
                 chunk_id
        LIMIT :promising),
    dense AS MATERIALIZED (
        SELECT chunk_id FROM retrieval.chunk WHERE tenant = :tenant AND audience = 'customer'
        ORDER BY embedding <#> CAST(:vector AS halfvec) LIMIT :pool),
    looked_at AS (SELECT chunk_id FROM promising UNION SELECT chunk_id FROM dense),
    matched AS MATERIALIZED (
        SELECT chunk_id, array_agg(lexeme) AS lexemes,
               sum(weight * frequency / (frequency + CAST(:base AS float8) + CAST(:slope AS float8) * terms)) AS lexical
        FROM asked JOIN retrieval.posting USING (lexeme) JOIN looked_at USING (chunk_id)
        WHERE tenant = :tenant AND audience = 'customer' GROUP BY chunk_id),
    candidate AS (
        (SELECT chunk_id FROM matched ORDER BY lexical DESC, chunk_id LIMIT :pool) UNION SELECT chunk_id FROM dense)
    SELECT chunk.document_id, title, url, heading, chunk.body, span_start, span_end, version, language,
           updated_at, title_lexemes, lexemes, coalesce(lexical, 0) AS lexical,
           -(embedding <#> CAST(:vector AS halfvec)) AS similarity,
           -(subvector(embedding, 1, :english) <#> subvector(CAST(:vector AS halfvec), 1, :english)) AS english_cosine
    FROM candidate JOIN retrieval.chunk USING (chunk_id)
    JOIN retrieval.document ON document.tenant = chunk.tenant AND document.document_id = chunk.document_id
    LEFT JOIN matched USING (chunk_id)
    WHERE chunk.tenant = :tenant""")


@dataclass(frozen=True)
class Found:
    """Passages in no order, and the terms that were looked up with their weights."""

    candidates: Sequence[Candidate]
    terms: dict[str, float]


async def find_candidates(
    connection: AsyncConnection, tenant: str, query: str, vector: Vectors, pool: int, *, timeout_seconds: float = 30.0
) -> Found:
    """The best `pool` passages by words and the best `pool` by meaning that customers of the tenant may see.

    Args:
        connection: within a transaction, for the rest of which the settings of this search hold.
        tenant: whose knowledge is searched.
        query: any text.
        vector: the query's vector.
        pool: how many passages each of the two searches gives.
        timeout_seconds: after how long PostgreSQL breaks the search off.
    """
    asked = {
        "tenant": tenant,
        "query": query.encode("utf-8", "replace").decode(),
        "ef_search": str(max(_EF_SEARCH_MIN, pool)),
        "timeout": f"{timeout_seconds}s",
    }
    rows = (await connection.execute(_ASKED, asked)).all()
    if not rows:
        return Found((), {})
    passages, total_terms = rows[0].chunks, rows[0].total_terms
    known = [AskedTerm(row.lexeme, row.asked, row.found_in) for row in rows if row.lexeme]
    terms = choose_terms(known, passages)
    found_in = {term.lexeme: term.found_in for term in known}
    parameters = {
        "tenant": tenant,
        "lexemes": list(terms),
        "weights": [weight * (_BM25_K1 + 1) for weight in terms.values()],
        "base": _BM25_K1 * (1 - _BM25_B),
        "slope": _BM25_K1 * _BM25_B / max(1.0, total_terms / passages),
        "leading": leading_terms(found_in[lexeme] for lexeme in terms),
        "promising": _PROMISING_PER_CANDIDATE * pool,
        "pool": pool,
        "vector": vector_literal(vector),
        "english": ENGLISH_DIMENSIONS,
    }
    found = (await connection.execute(_CANDIDATES, parameters)).mappings().all()
    return Found([candidate_of(dict(row)) for row in found], terms)


def vector_literal(vector: Vectors) -> str:
    """The vector as pgvector reads it."""
    return "[" + ",".join(f"{value:.5g}" for value in vector.tolist()) + "]"


def candidate_of(row: dict[str, Any]) -> Candidate:
    """A found row, of whichever store, as the ranking takes it."""
    english = float(row["english_cosine"])
    return Candidate(
        evidence=_evidence(row, likeness(float(row["similarity"]), english)),
        english_cosine=likeness(english, english),
        matched=frozenset(row["lexemes"] or ()),
        title=frozenset(row["title_lexemes"]),
        updated_at=row["updated_at"],
    )


def _evidence(row: dict[str, Any], similarity: float) -> Evidence:
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
        similarity=max(-1.0, min(1.0, similarity)),
        lexical=max(0.0, float(row["lexical"])),
        document_version=row["version"],
        language=row["language"],
    )
