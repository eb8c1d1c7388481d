"""Where a tenant's knowledge is: OpenSearch where the operator names one, else PostgreSQL."""

from collections.abc import Awaitable, Callable

from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.opensearch import OpenSearchKnowledge
from services.retrieval.adapters.opensearch_server import OpenSearchServer
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.settings import RetrievalSettings
from shared.database import async_engine
from shared.settings import Settings

Knowledge = PostgresKnowledge | OpenSearchKnowledge
Close = Callable[[], Awaitable[None]]


def open_knowledge(
    settings: Settings, own: RetrievalSettings, embedder: PassageEmbedder, name: str, *, pool_size: int = 8
) -> tuple[Knowledge, Close]:
    """The store that search and ingest use, and what closes it. Nothing is connected yet.

    Args:
        settings: where PostgreSQL is.
        own: whether there is an OpenSearch.
        embedder: whose vectors are stored.
        name: shows in `pg_stat_activity`.
        pool_size: connections to PostgreSQL.

    Raises:
        OpenSearchUrlInvalid: the setting is no address.
        OSError: the file of certificates cannot be read.
    """
    if url := own.opensearch_url.get_secret_value():
        server = OpenSearchServer(
            url,
            own.opensearch_index,
            timeout_seconds=own.opensearch_timeout_seconds,
            ca_file=own.opensearch_ca_file,
        )
        found = OpenSearchKnowledge(server, own, embedder.name, embedder.dimensions)
        return found, found.aclose
    engine = async_engine(settings, name, pool_size=pool_size)
    return PostgresKnowledge(engine, own, embedder.name), engine.dispose
