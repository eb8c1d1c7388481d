"""Knowledge on a real PostgreSQL, for tests: put in and asked for as the command and the service do."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.events import Evidence, FeedbackRecorded
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.adapters.solved import PostgresAnswers
from services.retrieval.ingest import IngestReport, ingest, learn, renew_answers
from services.retrieval.rules.passages import Document, Skipped
from services.retrieval.settings import RetrievalSettings


class Library:
    """Puts knowledge in and asks for it, as the command and the service do."""

    def __init__(self, engine: AsyncEngine, embedder: PassageEmbedder) -> None:
        self.engine = engine
        self.embedder = embedder
        self.store = PostgresKnowledge(engine, RetrievalSettings(), embedder.name)

    async def ingest(
        self, documents: Iterator[Document | Skipped] | Sequence[Document | Skipped], tenant: str = "one", **fields: Any
    ) -> IngestReport:
        options = {"embedder": self.embedder, "index_version": self.store.index_version, **fields}
        return await ingest(tenant, "help", documents, store=self.store, **options)

    async def renew(self, index_version: str) -> int:
        """What an ingest does for approved answers, under this version of the index."""
        answers = PostgresAnswers(self.store)
        return await renew_answers("one", answers=answers, embedder=self.embedder, index_version=index_version)

    async def learn(self, event: FeedbackRecorded, kept: int = 100) -> bool:
        return await learn(
            event.model_copy(update={"tenant": "one"}),
            answers=PostgresAnswers(self.store),
            embedder=self.embedder,
            personal_data=lambda _: [],
            index_version=self.store.index_version,
            kept=kept,
        )

    async def find(self, query: str, tenant: str = "one") -> tuple[Evidence, ...]:
        return await self.store.search(tenant, query, self.embedder.embed_query(query, "en"))

    async def texts(self, tenant: str = "one") -> dict[str, set[str]]:
        """What is stored of each article: as its body, and in its passages."""
        query = text("""
            SELECT document_id, body FROM retrieval.document WHERE tenant = :tenant
            UNION SELECT document_id, body FROM retrieval.chunk WHERE tenant = :tenant""")
        found: dict[str, set[str]] = {}
        async with self.engine.connect() as connection:
            for row in await connection.execute(query, {"tenant": tenant}):
                found.setdefault(row.document_id, set()).add(row.body)
        return found

    async def rows(self) -> dict[str, set[tuple[str, str]]]:
        """Every row of each article by the transaction that wrote it and its place in the table."""
        query = text("""
            SELECT document_id, CAST(xmin AS text) AS xmin, CAST(ctid AS text) AS ctid FROM retrieval.document
            UNION ALL SELECT document_id, CAST(xmin AS text), CAST(ctid AS text) FROM retrieval.chunk
            UNION ALL SELECT document_id, CAST(posting.xmin AS text), CAST(posting.ctid AS text)
            FROM retrieval.posting JOIN retrieval.chunk USING (chunk_id)""")
        found: dict[str, set[tuple[str, str]]] = {}
        async with self.engine.connect() as connection:
            for row in await connection.execute(query):
                found.setdefault(row.document_id, set()).add((row.xmin, row.ctid))
        return found
