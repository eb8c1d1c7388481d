"""Approved answers in PostgreSQL, beside the articles."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retrieval.adapters.postgres import PostgresKnowledge, delete_articles, put_articles
from services.retrieval.rules.passages import Chunk, Document
from services.retrieval.rules.solved import COLLECTION
from shared.database import database_errors
from shared.embedding import Vectors

_NEWER = text("""
    SELECT 1 FROM retrieval.document
    WHERE tenant = :tenant AND document_id = :document_id AND (updated_at > :decided_at OR version = :version)""")
_CURRENT = text("""
    SELECT count(*) FROM retrieval.document
    JOIN unnest(CAST(:source_ids AS text[]), CAST(:versions AS text[])) AS source (document_id, version)
        USING (document_id, version)
    WHERE tenant = :tenant""")
_TOO_MANY = text("""
    SELECT document_id FROM retrieval.document WHERE tenant = :tenant AND collection = :collection
    ORDER BY updated_at DESC, document_id OFFSET :kept""")
_STORED = text("""
    SELECT document_id, title, url, language, body, version, updated_at, found_by,
           ARRAY(SELECT source_id FROM retrieval.dependency
                 WHERE dependency.tenant = document.tenant AND dependency.document_id = document.document_id) AS sources
    FROM retrieval.document
    WHERE tenant = :tenant AND collection = :collection AND document_id > :after
    ORDER BY document_id LIMIT :page""")
_UNTOUCHED = text("""
    SELECT document_id FROM retrieval.document
    JOIN unnest(CAST(:document_ids AS text[]), CAST(:versions AS text[])) AS known (document_id, version)
        USING (document_id, version)
    WHERE tenant = :tenant""")
_PAGE = 50


class PostgresAnswers:
    """Implements `AnswerStore`; every statement names the tenant."""

    def __init__(self, knowledge: PostgresKnowledge) -> None:
        self._knowledge = knowledge

    async def learn(
        self,
        tenant: str,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        vectors: Vectors,
        *,
        sources: Mapping[str, str],
        kept: int,
    ) -> bool:
        """See `AnswerStore.learn`."""
        async with self._knowledge.writing(tenant) as connection:
            asked = {"tenant": tenant, "document_id": document.document_id}
            newer = await connection.execute(_NEWER, {**asked, "decided_at": document.updated_at, "version": version})
            if newer.first() is not None or not await _is_current(connection, tenant, document, sources):
                return False
            await put_articles(connection, tenant, COLLECTION, [(document, version, chunks, vectors)])
            surplus = await connection.execute(_TOO_MANY, {"tenant": tenant, "collection": COLLECTION, "kept": kept})
            if too_many := [row.document_id for row in surplus]:
                await delete_articles(connection, tenant, too_many)
        return True

    async def stored(self, tenant: str) -> AsyncIterator[list[tuple[Document, str]]]:
        """See `AnswerStore.stored`."""
        asked: dict[str, Any] = {"tenant": tenant, "collection": COLLECTION, "after": "", "page": _PAGE}
        while True:
            async with database_errors(), self._knowledge.engine.connect() as connection:
                rows = (await connection.execute(_STORED, asked)).mappings().all()
            if rows:
                yield [(_document(dict(row)), str(row["version"])) for row in rows]
            if len(rows) < _PAGE:
                return
            asked["after"] = rows[-1]["document_id"]

    async def renew(
        self, tenant: str, answers: Sequence[tuple[Document, str, Sequence[Chunk], Vectors]], known: Mapping[str, str]
    ) -> int:
        """See `AnswerStore.renew`."""
        async with self._knowledge.writing(tenant) as connection:
            parameters = {"tenant": tenant, "document_ids": list(known), "versions": list(known.values())}
            rows = await connection.execute(_UNTOUCHED, parameters)
            untouched = {row.document_id for row in rows}
            renewed = [answer for answer in answers if answer[0].document_id in untouched]
            await put_articles(connection, tenant, COLLECTION, renewed)
        return len(renewed)


def _document(row: dict[str, Any]) -> Document:
    """The answer as it was learned, so that its version comes out the same."""
    return Document(
        document_id=row["document_id"],
        title=row["title"],
        text=row["body"],
        url=row["url"],
        language=row["language"],
        updated_at=row["updated_at"].astimezone(UTC) if row["updated_at"] else None,
        found_by=row["found_by"],
        depends_on=tuple(sorted(row["sources"])),
    )


async def _is_current(connection: AsyncConnection, tenant: str, document: Document, sources: Mapping[str, str]) -> bool:
    """Whether the articles that the answer was made from still say what they said then."""
    made_from = {source_id: sources.get(source_id, "") for source_id in document.depends_on}
    parameters = {"tenant": tenant, "source_ids": list(made_from), "versions": list(made_from.values())}
    found = await connection.execute(_CURRENT, parameters)
    return int(found.scalar_one()) == len(made_from)
