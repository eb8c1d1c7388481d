"""Makes every tenant's pack ready to serve: `python -m infra.verticals.apply` indexes its articles, trains its models.

What did not change since the last time is not touched. Nothing is printed but what was done.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from contracts.pack import Pack
from services.classification.app import load_classifier, model_folder
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.knowledge import open_knowledge
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.adapters.solved import PostgresAnswers
from services.retrieval.adapters.sources.files import read_documents
from services.retrieval.ingest import ingest, renew_answers
from services.retrieval.settings import RetrievalSettings
from shared.bert import MiniLM
from shared.embedding import MultilingualUSE
from shared.packs import load_pack
from shared.settings import Settings
from shared.tenants import Tenant, load_tenants

COLLECTION = "pack"


async def apply(settings: Settings) -> None:
    """This function will index the articles of each tenant's pack and train the models that are missing.

    Raises:
        TenantsInvalid, PackInvalid: the tenants file or a pack cannot be used.
        KnowledgeUnreadable: an article cannot be read.
        DependencyDown: PostgreSQL, or OpenSearch where that is chosen, is not reachable.
    """
    tenants = list(load_tenants(settings.tenants_file).values())
    packs = {tenant.pack: load_pack(tenant.pack) for tenant in tenants}
    # On two cores both together take little longer than either alone.
    await asyncio.gather(asyncio.to_thread(train_missing, packs.values(), settings.home), _index(tenants, settings))


def train_missing(packs: Iterable[Pack], home: Path) -> None:
    """This function will train the classifier of each pack that has none of its present form."""
    for pack in packs:
        if not model_folder(pack, home).is_dir():
            began = time.monotonic()
            load_classifier(pack, home, MiniLM(), MultilingualUSE())
            print(f"{pack.name}: trained in {time.monotonic() - began:.1f} s")  # noqa: T201


async def _index(tenants: Iterable[Tenant], settings: Settings) -> None:
    embedder = PassageEmbedder()
    store, close = open_knowledge(settings, RetrievalSettings(), embedder, "verticals", pool_size=1)
    try:
        for tenant, folder in _with_knowledge(tenants):
            began = time.monotonic()
            report = await ingest(
                tenant.id,
                COLLECTION,
                read_documents(folder),
                store=store,
                embedder=embedder,
                index_version=store.index_version,
            )
            if isinstance(store, PostgresKnowledge):
                answers, version = PostgresAnswers(store), store.index_version
                renewed = await renew_answers(tenant.id, answers=answers, embedder=embedder, index_version=version)
                report = replace(report, renewed=renewed)
            print(f"{tenant.id}: {report} in {time.monotonic() - began:.1f} s")  # noqa: T201
    finally:
        await close()


def _with_knowledge(tenants: Iterable[Tenant]) -> list[tuple[Tenant, Path]]:
    return [(tenant, folder) for tenant in tenants if (folder := tenant.pack / "knowledge").is_dir()]


if __name__ == "__main__":
    asyncio.run(apply(Settings()))
