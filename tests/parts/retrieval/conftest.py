"""The scripted OpenSearch and the adapter on it."""

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.knowledge import open_knowledge
from services.retrieval.adapters.opensearch import OpenSearchKnowledge
from services.retrieval.settings import RetrievalSettings
from shared.settings import Settings
from tests.fakes.opensearch import ScriptedOpenSearch
from tests.suites.knowledge import Library


@pytest.fixture(scope="module")
def embedder() -> PassageEmbedder:
    return PassageEmbedder()


@pytest.fixture
def server() -> Iterator[ScriptedOpenSearch]:
    with ScriptedOpenSearch(user="search", password="s3cret/x") as running:
        running.url = running.url.replace("s3cret/x", "s3cret%2Fx")
        yield running


@pytest.fixture
async def knowledge(server: ScriptedOpenSearch, embedder: PassageEmbedder) -> AsyncIterator[OpenSearchKnowledge]:
    found, close = open_knowledge(
        Settings(), RetrievalSettings(opensearch_url=SecretStr(server.url)), embedder, "tests"
    )
    assert isinstance(found, OpenSearchKnowledge)
    yield found
    await close()


@pytest.fixture
def library(knowledge: OpenSearchKnowledge, embedder: PassageEmbedder) -> Library:
    return Library(knowledge, embedder)
