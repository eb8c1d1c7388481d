"""Knowledge on a real PostgreSQL that starts empty for every test."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.retrieval.adapters.embedding import PassageEmbedder
from shared.database import async_engine
from shared.settings import Settings
from tests.real.library import Library


@pytest.fixture(scope="session")
def embedder() -> PassageEmbedder:
    return PassageEmbedder()


@pytest.fixture
async def engine(migrated_database: str) -> AsyncIterator[AsyncEngine]:
    engine = async_engine(Settings(database_url=SecretStr(migrated_database)), "tests")
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE retrieval.document, retrieval.corpus CASCADE"))
    yield engine
    await engine.dispose()


@pytest.fixture
def library(engine: AsyncEngine, embedder: PassageEmbedder) -> Library:
    return Library(engine, embedder)
