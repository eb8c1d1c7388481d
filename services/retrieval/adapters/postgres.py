"""Knowledge in PostgreSQL with pgvector: what is kept of an article, and the search in it."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.events import Evidence
from services.retrieval.adapters.ranking_model import read_ranking_model
from services.retrieval.adapters.search import find_candidates, vector_literal
from services.retrieval.rules.duplicates import collapse_duplicates
from services.retrieval.rules.passages import CHUNKING_VERSION, Chunk, Document
from services.retrieval.rules.ranking import rank
from services.retrieval.rules.translations import of_one_language
from services.retrieval.settings import RetrievalSettings
from shared.database import database_errors
from shared.embedding import Vectors

# PostgreSQL's text search configurations by language; other languages are not stemmed.
_CONFIGURATIONS = {"en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "nl": "dutch",
                   "pt": "portuguese", "sv": "swedish", "da": "danish", "no": "norwegian", "fi": "finnish"}  # fmt: skip

_PUT_DOCUMENT = text("""
    INSERT INTO retrieval.document
        (tenant, document_id, collection, title, url, language, audience, body, version, updated_at, found_by,
         title_lexemes)
    VALUES (:tenant, :document_id, :collection, :title, :url, :language, :audience, :body, :version, :updated_at,
            :found_by,
            tsvector_to_array(to_tsvector(CAST(:configuration AS regconfig), :index_title)))""")

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

_PUT_DEPENDENCY = text("""
    INSERT INTO retrieval.dependency (tenant, source_id, document_id) VALUES (:tenant, :source_id, :document_id)""")

# What an answer rests on is unchanged where the article only is indexed in another way.
_SAYING_THE_SAME = text("""
    SELECT document_id FROM retrieval.document
    JOIN unnest(CAST(:document_ids AS text[]), CAST(:titles AS text[]), CAST(:bodies AS text[]),
                CAST(:audiences AS text[])) AS new (document_id, title, body, audience)
        USING (document_id, title, body, audience)
    WHERE tenant = :tenant""")

_DELETE_ALONE = text("""
    DELETE FROM retrieval.document WHERE tenant = :tenant AND document_id = ANY(CAST(:document_ids AS text[]))""")

_DELETE = text("""
    WITH RECURSIVE gone (document_id) AS (
        SELECT unnest(CAST(:document_ids AS text[]))
        UNION
        SELECT dependency.document_id FROM retrieval.dependency JOIN gone ON dependency.source_id = gone.document_id
        WHERE dependency.tenant = :tenant)
    DELETE FROM retrieval.document
    WHERE tenant = :tenant AND document_id IN (SELECT document_id FROM gone)""")

_REFRESH_CORPUS = text("""
    INSERT INTO retrieval.corpus (tenant, configurations)
    SELECT :tenant, coalesce(
        (SELECT array_agg(DISTINCT CAST(coalesce(CAST(:configurations AS jsonb) ->> language, 'simple') AS regconfig))
         FROM retrieval.document WHERE tenant = :tenant), '{}')
    ON CONFLICT (tenant) DO UPDATE SET configurations = excluded.configurations""")

# Other ingests of the tenant wait, so that two never write the same article at once.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('handrail-knowledge:' || :tenant, 0))")


class PostgresKnowledge:
    """Implements `Search` and `KnowledgeStore`; every statement names the tenant."""

    def __init__(self, engine: AsyncEngine, settings: RetrievalSettings, embedder_name: str) -> None:
        self.engine = engine
        self._settings = settings
        self._ranking = read_ranking_model()
        self.index_version = f"{embedder_name}/chunks-{CHUNKING_VERSION}"

    async def search(self, tenant: str, query: str, vector: Vectors, *, language: str = "") -> tuple[Evidence, ...]:
        """See `Search.search`."""
        async with database_errors(), self.engine.connect() as connection:
            timeout = self._settings.statement_timeout_seconds
            pool = self._settings.pool
            found = await find_candidates(connection, tenant, query, vector, pool, timeout_seconds=timeout)
        ranked = rank(found.candidates, found.terms, self._ranking)
        told_once = collapse_duplicates(of_one_language(ranked, language), self._settings.evidence_max)
        return tuple(one.evidence for one in told_once)

    async def versions(self, tenant: str) -> dict[str, str]:
        """See `KnowledgeStore.versions`."""
        query = text("SELECT document_id, version FROM retrieval.document WHERE tenant = :tenant")
        async with database_errors(), self.engine.connect() as connection:
            return {row.document_id: row.version for row in await connection.execute(query, {"tenant": tenant})}

    @asynccontextmanager
    async def writing(self, tenant: str) -> AsyncIterator[AsyncConnection]:
        """A transaction in which nobody else writes knowledge of the tenant; at its end all of it is there, or none."""
        async with database_errors(), self.engine.begin() as connection:
            await connection.execute(_LOCK, {"tenant": tenant})
            yield connection

    async def put(
        self, tenant: str, collection: str, articles: Sequence[tuple[Document, str, Sequence[Chunk], Vectors]]
    ) -> None:
        """See `KnowledgeStore.put`."""
        async with self.writing(tenant) as connection:
            await put_articles(connection, tenant, collection, articles)

    async def remove_missing(self, tenant: str, collection: str, present: frozenset[str]) -> int:
        """See `KnowledgeStore.remove_missing`."""
        kept = text("SELECT document_id FROM retrieval.document WHERE tenant = :tenant AND collection = :collection")
        async with self.writing(tenant) as connection:
            rows = await connection.execute(kept, {"tenant": tenant, "collection": collection})
            gone = [row.document_id for row in rows if row.document_id not in present]
            if gone:
                await delete_articles(connection, tenant, gone)
                await _refresh(connection, tenant)
        return len(gone)


async def put_articles(
    connection: AsyncConnection,
    tenant: str,
    collection: str,
    articles: Sequence[tuple[Document, str, Sequence[Chunk], Vectors]],
) -> None:
    """This function will store the articles within the connection's transaction; see `KnowledgeStore.put`."""
    await _make_room(connection, tenant, [document for document, *_ in articles])
    for document, version, chunks, vectors in articles:
        row = {"tenant": tenant, "collection": collection, "version": version, **_document_row(document)}
        await connection.execute(_PUT_DOCUMENT, row)
        if chunks:
            await connection.execute(_PUT_CHUNK, _chunk_rows(tenant, document, chunks, vectors))
        if document.depends_on:
            await connection.execute(
                _PUT_DEPENDENCY,
                [
                    {"tenant": tenant, "document_id": document.document_id, "source_id": source_id}
                    for source_id in document.depends_on
                ],
            )
    await _refresh(connection, tenant)


async def _make_room(connection: AsyncConnection, tenant: str, documents: Sequence[Document]) -> None:
    """This function will delete what is stored of these articles, and of what was made from those that now say more
    or other things than they did.
    """
    ids = [document.document_id for document in documents]
    said = {
        "titles": [document.title for document in documents],
        "bodies": [document.text for document in documents],
        "audiences": [document.audience for document in documents],
    }
    rows = await connection.execute(_SAYING_THE_SAME, {"tenant": tenant, "document_ids": ids, **said})
    same = {row.document_id for row in rows}
    await connection.execute(_DELETE_ALONE, {"tenant": tenant, "document_ids": sorted(same)})
    await delete_articles(connection, tenant, [one for one in ids if one not in same])


async def delete_articles(connection: AsyncConnection, tenant: str, document_ids: Sequence[str]) -> None:
    """This function will delete the articles, and those that were made from them."""
    await connection.execute(_DELETE, {"tenant": tenant, "document_ids": list(document_ids)})


async def _refresh(connection: AsyncConnection, tenant: str) -> None:
    await connection.execute(_REFRESH_CORPUS, {"tenant": tenant, "configurations": json.dumps(_CONFIGURATIONS)})


def _document_row(document: Document) -> dict[str, Any]:
    return {
        "document_id": document.document_id,
        "title": document.title,
        "index_title": document.index_title,
        "url": document.url,
        "language": document.language,
        "audience": document.audience,
        "body": document.text,
        "updated_at": document.updated_at,
        "found_by": document.found_by,
        "configuration": _configuration(document),
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
            "indexed": chunk.indexed(document.index_title),
            "configuration": _configuration(document),
            "embedding": vector_literal(vector),
        }
        for chunk, vector in zip(chunks, vectors, strict=True)
    ]


def _configuration(document: Document) -> str:
    return _CONFIGURATIONS.get(document.language, "simple")
