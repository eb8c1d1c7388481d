"""Makes every tenant's pack ready to serve: `python -m infra.verticals.apply` brings its knowledge up to date."""

import asyncio
import time
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from services.retrieval.adapters.documents import read_documents
from services.retrieval.adapters.embedding import TwoModels
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.ingest import ingest
from services.retrieval.settings import RetrievalSettings
from shared.database import async_engine
from shared.settings import Settings
from shared.tenants import Tenant, load_tenants

COLLECTION = "pack"


async def apply(settings: Settings) -> None:
    """This function will index the articles of each tenant's pack; what did not change is not touched.

    Raises:
        TenantsInvalid: the tenants file cannot be used.
        KnowledgeUnreadable: an article cannot be read.
        DependencyDown: PostgreSQL is not reachable.
    """
    engine = async_engine(settings, "verticals", pool_size=1)
    try:
        embedder = TwoModels()
        for tenant, knowledge in _knowledge(settings):
            await _ingest(tenant, knowledge, engine, embedder)
    finally:
        await engine.dispose()


def _knowledge(settings: Settings) -> list[tuple[Tenant, Path]]:
    tenants = load_tenants(settings.tenants_file).values()
    return [(tenant, folder) for tenant in tenants if (folder := tenant.pack / "knowledge").is_dir()]


async def _ingest(tenant: Tenant, folder: Path, engine: AsyncEngine, embedder: TwoModels) -> None:
    began = time.monotonic()
    store = PostgresKnowledge(engine, RetrievalSettings(), embedder.name)
    report = await ingest(
        tenant.id,
        COLLECTION,
        read_documents(folder),
        store=store,
        embedder=embedder,
        index_version=store.index_version,
    )
    print(f"{tenant.id}: {report} in {time.monotonic() - began:.1f} s")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(apply(Settings()))
