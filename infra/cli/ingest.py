"""`handrail ingest`: knowledge in."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.retrieval.adapters.documents import KnowledgeUnreadable, count_documents, read_documents
from services.retrieval.adapters.embedding import TwoModels
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.ingest import IngestReport
from services.retrieval.ingest import ingest as ingest_documents
from services.retrieval.settings import RetrievalSettings
from shared.database import async_engine
from shared.failures import DependencyDown
from shared.settings import Settings
from shared.tenants import TenantsInvalid, load_tenants

console = Console(stderr=True)


def ingest(
    path: Annotated[Path, typer.Argument(help="A folder of Markdown, or a corpus as .jsonl or .jsonl.gz.")],
    tenant: Annotated[str, typer.Option(help="Whose knowledge it is.")],
    collection: Annotated[str, typer.Option(help="What belongs together; the path's name, where not given.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Bring a tenant's knowledge up to date: new and changed articles are indexed, vanished ones removed."""
    settings = Settings()
    try:
        _check_tenant(tenant, settings.tenants_file)
        report = asyncio.run(_ingest(path, tenant, collection or path.resolve().name, settings))
    except (KnowledgeUnreadable, TenantsInvalid, DependencyDown, OSError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps({"tenant": tenant, **dataclasses.asdict(report)}))
    else:
        console.print(
            f"{tenant}: {report.added} added, {report.changed} changed, {report.unchanged} unchanged, "
            f"{report.removed} removed; {report.chunks} passages written"
        )


def _check_tenant(tenant: str, tenants_file: Path) -> None:
    """A slip of the pen would fill the knowledge of a tenant that nobody reads."""
    known = load_tenants(tenants_file)
    if tenant not in known:
        raise TenantsInvalid(f"there is no tenant {tenant!r} in {tenants_file}; known are {', '.join(sorted(known))}")


async def _ingest(path: Path, tenant: str, collection: str, settings: Settings) -> IngestReport:
    documents = read_documents(path)
    engine = async_engine(settings, "ingest", pool_size=1)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(f"Reading {path.name}", total=count_documents(path))
            embedder = TwoModels()
            store = PostgresKnowledge(engine, RetrievalSettings(), embedder.name)
            return await ingest_documents(
                tenant,
                collection,
                documents,
                store=store,
                embedder=embedder,
                index_version=store.index_version,
                on_progress=lambda done: progress.advance(task, done),
            )
    finally:
        await engine.dispose()
