"""Knowledge on a real PostgreSQL with pgvector: found by words and by meaning, by its own tenant only."""

import asyncio
from dataclasses import replace

import pytest
from alembic import command
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.migrate import configuration, migrate
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.rules.passages import Document
from services.retrieval.settings import RetrievalSettings
from shared.database import async_engine
from shared.failures import DependencyDown
from shared.settings import Settings
from tests.suites.knowledge import ARTICLES, KnowledgeSuite, Library

pytestmark = pytest.mark.real


@pytest.fixture
def knowledge(engine: AsyncEngine, embedder: PassageEmbedder) -> PostgresKnowledge:
    return PostgresKnowledge(engine, RetrievalSettings(), embedder.name)


@pytest.fixture
def library(knowledge: PostgresKnowledge, embedder: PassageEmbedder) -> Library:
    return Library(knowledge, embedder)


class TestPostgresKnowledge(KnowledgeSuite):
    """What every store does."""


async def chunk_ids(engine: AsyncEngine, tenant: str) -> dict[str, list[int]]:
    query = text(
        "SELECT document_id, array_agg(chunk_id ORDER BY chunk_id) FROM retrieval.chunk WHERE tenant = :t GROUP BY 1"
    )
    async with engine.connect() as connection:
        return {row[0]: row[1] for row in await connection.execute(query, {"t": tenant})}


async def test_ingesting_again_touches_only_what_changed(library: Library, engine: AsyncEngine) -> None:
    first = await library.ingest("one", ARTICLES)
    before = await chunk_ids(engine, "one")
    changed = replace(ARTICLES[1], text="Invoices are sent on the fifteenth, by carrier pigeon.")
    added = Document(document_id="pigeons", title="Pigeons", text="Where pigeons rest.")

    again = await library.ingest("one", [ARTICLES[0], changed, added])
    after = await chunk_ids(engine, "one")

    assert (first.added, first.changed, first.unchanged, first.removed) == (3, 0, 0, 0)
    assert (again.added, again.changed, again.unchanged, again.removed) == (1, 1, 1, 1)
    assert after["rollback"] == before["rollback"]
    assert after["invoices"] != before["invoices"]
    assert "certificates" not in after


async def test_what_was_indexed_by_two_models_is_found_until_it_is_indexed_by_three(
    library: Library, engine: AsyncEngine, migrated_database: str
) -> None:
    await library.ingest("one", ARTICLES)
    before = await library.find("one", "certificate renewal")
    await asyncio.to_thread(command.downgrade, configuration(migrated_database), "0005")

    await asyncio.to_thread(migrate, migrated_database)

    old = await library.find("one", "certificate renewal")
    assert old[0].document_id == before[0].document_id == "certificates"
    assert old[0].similarity < before[0].similarity, "what the third model says of it is missing"


async def test_an_unreachable_database_is_a_dependency_that_is_down(embedder: PassageEmbedder) -> None:
    nowhere = async_engine(Settings(database_url=SecretStr("postgresql://nobody:x@127.0.0.1:1/none")), "tests")
    lost = PostgresKnowledge(nowhere, RetrievalSettings(), embedder.name)

    with pytest.raises(DependencyDown):
        await lost.search("one", "anything", embedder.embed_query("anything", "en"))
    await nowhere.dispose()
