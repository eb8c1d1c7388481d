"""Knowledge in PostgreSQL with pgvector: BM25 and cosine search, fused in one statement."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.events import Evidence
from services.retrieval.rules.passages import CHUNKING_VERSION, Chunk, Document
from services.retrieval.settings import RetrievalSettings
from shared.database import database_errors
from shared.embedding import Vectors

# Okapi BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) with the customary parameters.
_BM25_K1 = 1.2
_BM25_B = 0.75
# Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009). A small constant lets first places count.
_FUSION_CONSTANT = 10
_LEXEMES_MAX = 48

# PostgreSQL's text search configurations by language; other languages are not stemmed.
_CONFIGURATIONS = {"en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "nl": "dutch",
                   "pt": "portuguese", "sv": "swedish", "da": "danish", "no": "norwegian", "fi": "finnish"}  # fmt: skip

_SEARCH = text("""
    WITH corpus AS (SELECT chunks, mean_terms, configurations FROM retrieval.corpus WHERE tenant = :tenant),
    lexemes AS (
        SELECT DISTINCT lexeme FROM corpus, unnest(configurations) AS configuration,
               unnest(to_tsvector(configuration, :query)) LIMIT :lexemes),
    hits AS (
        SELECT chunk_id, frequency, terms, count(*) OVER (PARTITION BY lexeme) AS found_in
        FROM retrieval.posting JOIN lexemes USING (lexeme)
        WHERE tenant = :tenant AND audience = 'customer'),
    lexical AS (
        SELECT chunk_id, sum(
            ln(1 + CAST(chunks - found_in + 0.5 AS float8) / CAST(found_in + 0.5 AS float8)) * frequency * (:k1 + 1)
            / (frequency + :k1 * (1 - :b + :b * terms / mean_terms))) AS score
        FROM hits, corpus GROUP BY chunk_id ORDER BY score DESC, chunk_id LIMIT :pool),
    dense AS (
        SELECT chunk_id FROM retrieval.chunk WHERE tenant = :tenant AND audience = 'customer'
        ORDER BY embedding <#> CAST(:vector AS halfvec) LIMIT :pool),
    ranked AS (
        SELECT chunk_id, row_number() OVER (ORDER BY score DESC, chunk_id) AS place, score FROM lexical
        UNION ALL
        SELECT chunk_id, row_number() OVER (ORDER BY embedding <#> CAST(:vector AS halfvec), chunk_id), 0
        FROM dense JOIN retrieval.chunk USING (chunk_id)),
    fused AS (
        SELECT chunk_id, sum(1.0 / (:fusion + place)) AS fused_score, max(score) AS lexical_score
        FROM ranked GROUP BY chunk_id ORDER BY fused_score DESC, chunk_id LIMIT :top)
    SELECT chunk.document_id, title, url, heading, chunk.body, span_start, span_end, version,
           fused_score, lexical_score, -(embedding <#> CAST(:vector AS halfvec)) AS similarity
    FROM fused JOIN retrieval.chunk USING (chunk_id)
    JOIN retrieval.document ON document.tenant = chunk.tenant AND document.document_id = chunk.document_id
    WHERE chunk.tenant = :tenant ORDER BY fused_score DESC, chunk_id""")

_PUT_DOCUMENT = text("""
    INSERT INTO retrieval.document
        (tenant, document_id, collection, title, url, language, audience, body, version, updated_at)
    VALUES (:tenant, :document_id, :collection, :title, :url, :language, :audience, :body, :version, :updated_at)""")

_PUT_CHUNK = text("""
    WITH counted AS (
        SELECT lexeme, least(array_length(positions, 1), 32767) AS frequency
        FROM unnest(to_tsvector(CAST(:configuration AS regconfig), :indexed))),
    stored AS (
        INSERT INTO retrieval.chunk
            (tenant, document_id, audience, heading, body, span_start, span_end, terms, embedding)
        SELECT :tenant, :document_id, :audience, :heading, :body, :span_start, :span_end,
               coalesce((SELECT sum(frequency) FROM counted), 0), CAST(:embedding AS halfvec)
        RETURNING chunk_id, terms)
    INSERT INTO retrieval.posting (tenant, audience, lexeme, chunk_id, frequency, terms)
    SELECT :tenant, :audience, lexeme, chunk_id, frequency, terms FROM counted, stored""")

_REFRESH_CORPUS = text("""
    INSERT INTO retrieval.corpus (tenant, chunks, mean_terms, configurations)
    SELECT :tenant, count(*), coalesce(greatest(avg(terms), 1), 1), coalesce(
        (SELECT array_agg(DISTINCT CAST(coalesce(CAST(:configurations AS jsonb) ->> language, 'simple') AS regconfig))
         FROM retrieval.document WHERE tenant = :tenant), '{}')
    FROM retrieval.chunk WHERE tenant = :tenant
    ON CONFLICT (tenant) DO UPDATE SET
        chunks = excluded.chunks, mean_terms = excluded.mean_terms, configurations = excluded.configurations""")

_SESSION = text("""
    SELECT set_config('hnsw.ef_search', :ef_search, true), set_config('hnsw.iterative_scan', 'strict_order', true),
           set_config('statement_timeout', :timeout, true)""")
# Other ingests of the tenant wait, so that two never write the same article at once.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('handrail-knowledge:' || :tenant, 0))")


class PostgresKnowledge:
    """Implements `Search` and `KnowledgeStore`; every statement names the tenant."""

    def __init__(self, engine: AsyncEngine, settings: RetrievalSettings, embedder_name: str) -> None:
        self._engine = engine
        self._settings = settings
        self.index_version = f"{embedder_name}/chunks-{CHUNKING_VERSION}"

    async def search(self, tenant: str, query: str, vector: Vectors) -> tuple[Evidence, ...]:
        """See `Search.search`."""
        parameters = {
            "tenant": tenant,
            "query": query.encode("utf-8", "replace").decode(),
            "vector": _literal(vector),
            "lexemes": _LEXEMES_MAX,
            "k1": _BM25_K1,
            "b": _BM25_B,
            "fusion": _FUSION_CONSTANT,
            "pool": self._settings.pool,
            "top": self._settings.evidence_max,
        }
        session = {
            "ef_search": str(max(100, self._settings.pool)),
            "timeout": f"{self._settings.statement_timeout_seconds}s",
        }
        async with database_errors(), self._engine.connect() as connection:
            await connection.execute(_SESSION, session)
            rows = (await connection.execute(_SEARCH, parameters)).mappings().all()
        return tuple(_evidence(dict(row)) for row in rows)

    async def versions(self, tenant: str) -> dict[str, str]:
        """See `KnowledgeStore.versions`."""
        query = text("SELECT document_id, version FROM retrieval.document WHERE tenant = :tenant")
        async with database_errors(), self._engine.connect() as connection:
            return {row.document_id: row.version for row in await connection.execute(query, {"tenant": tenant})}

    async def put(
        self, tenant: str, collection: str, articles: Sequence[tuple[Document, str, Sequence[Chunk], Vectors]]
    ) -> None:
        """See `KnowledgeStore.put`."""
        async with database_errors(), self._engine.begin() as connection:
            await connection.execute(_LOCK, {"tenant": tenant})
            await _delete(connection, tenant, [document.document_id for document, *_ in articles])
            for document, version, chunks, vectors in articles:
                row = {"tenant": tenant, "collection": collection, "version": version, **_document_row(document)}
                await connection.execute(_PUT_DOCUMENT, row)
                if chunks:
                    await connection.execute(_PUT_CHUNK, _chunk_rows(tenant, document, chunks, vectors))
            await _refresh(connection, tenant)

    async def remove_missing(self, tenant: str, collection: str, present: frozenset[str]) -> int:
        """See `KnowledgeStore.remove_missing`."""
        kept = text("SELECT document_id FROM retrieval.document WHERE tenant = :tenant AND collection = :collection")
        async with database_errors(), self._engine.begin() as connection:
            await connection.execute(_LOCK, {"tenant": tenant})
            rows = await connection.execute(kept, {"tenant": tenant, "collection": collection})
            gone = [row.document_id for row in rows if row.document_id not in present]
            if gone:
                await _delete(connection, tenant, gone)
                await _refresh(connection, tenant)
        return len(gone)


async def _delete(connection: AsyncConnection, tenant: str, document_ids: list[str]) -> None:
    statement = text("DELETE FROM retrieval.document WHERE tenant = :tenant AND document_id = ANY(:document_ids)")
    await connection.execute(statement, {"tenant": tenant, "document_ids": document_ids})


async def _refresh(connection: AsyncConnection, tenant: str) -> None:
    await connection.execute(_REFRESH_CORPUS, {"tenant": tenant, "configurations": json.dumps(_CONFIGURATIONS)})


def _document_row(document: Document) -> dict[str, Any]:
    return {
        "document_id": document.document_id,
        "title": document.title,
        "url": document.url,
        "language": document.language,
        "audience": document.audience,
        "body": document.text,
        "updated_at": document.updated_at,
    }


def _chunk_rows(tenant: str, document: Document, chunks: Sequence[Chunk], vectors: Vectors) -> list[dict[str, Any]]:
    return [
        {
            "tenant": tenant,
            "document_id": document.document_id,
            "audience": document.audience,
            "heading": chunk.heading[:500],
            "body": chunk.text,
            "span_start": chunk.start,
            "span_end": chunk.end,
            "indexed": chunk.indexed(document.title),
            "configuration": _CONFIGURATIONS.get(document.language, "simple"),
            "embedding": _literal(vector),
        }
        for chunk, vector in zip(chunks, vectors, strict=True)
    ]


def _literal(vector: Vectors) -> str:
    return "[" + ",".join(f"{value:.5g}" for value in vector.tolist()) + "]"


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
        score=float(row["fused_score"]),
        similarity=max(-1.0, min(1.0, float(row["similarity"]))),
        lexical=max(0.0, float(row["lexical_score"])),
        document_version=row["version"],
    )
