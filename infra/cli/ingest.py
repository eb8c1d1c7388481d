"""`handrail ingest`: knowledge in."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infra.cli.watching import POLL_SECONDS, watch
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.knowledge import Knowledge, open_knowledge
from services.retrieval.adapters.opensearch_server import OpenSearchRefused, OpenSearchUrlInvalid
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.adapters.solved import PostgresAnswers
from services.retrieval.adapters.sources.articles import KnowledgeUnreadable
from services.retrieval.adapters.sources.files import Stamps, read_path
from services.retrieval.adapters.sources.opening import OnCount, Opened, open_source
from services.retrieval.adapters.sources.site import PAGES_MAX
from services.retrieval.ingest import IngestReport, renew_answers
from services.retrieval.ingest import ingest as ingest_documents
from services.retrieval.rules.passages import Document, Skipped
from services.retrieval.rules.solved import COLLECTION as SOLVED
from services.retrieval.settings import RetrievalSettings
from shared.failures import DependencyDown, Retryable
from shared.settings import Settings
from shared.tenants import Tenant, TenantsInvalid, load_tenants
from shared.web import Bounds

REASONS_SHOWN_MAX = 20
_STORE_ERRORS = (OpenSearchUrlInvalid, OpenSearchRefused, DependencyDown, Retryable)

console = Console(stderr=True)

_SOURCES_HELP = (
    "Folders or files (Markdown, HTML, PDF, text, .jsonl, .jsonl.gz), https://… (a page or a sitemap), "
    "git+https://host/path.git[@branch][#folder], path/to/repo.git, or zendesk:SOURCE."
)


def ingest(
    sources: Annotated[list[str], typer.Argument(help=_SOURCES_HELP)],
    tenant: Annotated[str, typer.Option(help="Whose knowledge it is.")],
    collection: Annotated[str, typer.Option(help="What belongs together; each source's own name, if not given.")] = "",
    watching: Annotated[bool, typer.Option("--watch", help="Stay, and follow changes of one folder or file.")] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A host (or host:port) of your own network that may be fetched from.")
    ] = None,
    pages_max: Annotated[int, typer.Option(help="Pages taken from a sitemap.", min=1, max=50_000)] = PAGES_MAX,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each source.")] = False,
) -> None:
    """Bring a tenant's knowledge up to date: new and changed articles are indexed, vanished ones removed."""
    settings = Settings()
    bounds = Bounds(bytes_max=40_000_000, allowed_hosts=frozenset(host.lower() for host in allow_host or []))
    try:
        owner = _tenant(tenant, settings.tenants_file)
        opened = [open_source(source, owner, bounds=bounds, pages_max=pages_max) for source in sources]
        command = _Command(tenant, settings, as_json=as_json)
        if watching:
            asyncio.run(command.follow(_watched(opened), collection))
        else:
            asyncio.run(command.run(_collections(opened, collection)))
    except (KnowledgeUnreadable, TenantsInvalid, *_STORE_ERRORS, OSError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _tenant(tenant: str, tenants_file: Path) -> Tenant:
    """A slip of the pen would fill the knowledge of a tenant that nobody reads."""
    known = load_tenants(tenants_file)
    if tenant not in known:
        raise TenantsInvalid(f"there is no tenant {tenant!r} in {tenants_file}; known are {', '.join(sorted(known))}")
    return known[tenant]


def _collections(opened: list[Opened], collection: str) -> dict[str, list[Opened]]:
    """What is ingested together: whatever of a collection does not come from its sources is removed."""
    collections: dict[str, list[Opened]] = {}
    for source in opened:
        collections.setdefault(collection or source.collection, []).append(source)
    if SOLVED in collections:
        raise KnowledgeUnreadable(f"the collection {SOLVED!r} belongs to answers that people approved; name another")
    return collections


def _watched(opened: list[Opened]) -> Opened:
    if len(opened) != 1 or opened[0].folder is None:
        raise KnowledgeUnreadable("--watch follows one folder or file")
    return opened[0]


class _Command:
    """Runs ingests for one tenant and tells what they did."""

    def __init__(self, tenant: str, settings: Settings, *, as_json: bool) -> None:
        self._tenant = tenant
        self._settings = settings
        self._as_json = as_json

    async def run(self, collections: dict[str, list[Opened]]) -> None:
        """Ingests each collection once."""
        async with self._store() as (store, embedder):
            for name, sources in collections.items():
                with _progress(", ".join(source.argument for source in sources)) as (on_count, on_progress):
                    items = chain.from_iterable(source.read(on_count) for source in sources)
                    report = await self._ingest(store, embedder, name, items, on_progress)
                self._tell(name, report)

    async def follow(self, source: Opened, collection: str) -> None:
        """Ingests a folder or file whenever it has changed, until it is interrupted."""
        name, path = next(iter(_collections([source], collection))), source.folder
        assert path is not None
        async with self._store() as (store, embedder):

            async def once(unchanged_since: Stamps) -> None:
                items = read_path(path, unchanged_since)
                self._tell(name, await self._ingest(store, embedder, name, items, lambda _: None))

            console.print(f"Watching {path}; Ctrl-C ends it", markup=False)
            await watch(path, once, poll_seconds=POLL_SECONDS, on_error=lambda error: console.print(str(error)))

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[tuple[Knowledge, PassageEmbedder]]:
        embedder = PassageEmbedder()
        store, close = open_knowledge(self._settings, RetrievalSettings(), embedder, "ingest", pool_size=1)
        try:
            yield store, embedder
        finally:
            await close()

    async def _ingest(
        self,
        store: Knowledge,
        embedder: PassageEmbedder,
        collection: str,
        items: Iterator[Document | Skipped],
        on_progress: OnCount,
    ) -> IngestReport:
        reasons: list[str] = []
        report = await ingest_documents(
            self._tenant,
            collection,
            items,
            store=store,
            embedder=embedder,
            index_version=store.index_version,
            on_progress=on_progress,
            on_skipped=lambda item: reasons.append(item.reason),
        )
        for reason in reasons[:REASONS_SHOWN_MAX]:
            console.print(f"skipped: {reason}", style="yellow", markup=False)
        if report.skipped and not report.added + report.changed + report.unchanged:
            raise KnowledgeUnreadable(f"none of the {report.skipped} articles could be read")
        return dataclasses.replace(report, renewed=await renewed_answers(self._tenant, store, embedder))

    def _tell(self, collection: str, report: IngestReport) -> None:
        if self._as_json:
            found = {"tenant": self._tenant, "collection": collection, **dataclasses.asdict(report)}
            typer.echo(json.dumps(found))
            return
        skipped = f", {report.skipped} skipped" if report.skipped else ""
        renewed = f", {report.renewed} approved answers indexed anew" if report.renewed else ""
        console.print(
            f"{self._tenant}/{collection}: {report.added} added, {report.changed} changed, "
            f"{report.unchanged} unchanged, {report.removed} removed{skipped}{renewed}; "
            f"{report.chunks} passages written",
            markup=False,
        )


async def renewed_answers(tenant: str, store: Knowledge, embedder: PassageEmbedder) -> int:
    """How many approved answers of the tenant had to be indexed anew, and now are; OpenSearch keeps none."""
    if not isinstance(store, PostgresKnowledge):
        return 0
    answers = PostgresAnswers(store)
    return await renew_answers(tenant, answers=answers, embedder=embedder, index_version=store.index_version)


@contextmanager
def _progress(sources: str) -> Iterator[tuple[OnCount, OnCount]]:
    """A progress bar: one function to hear how many more articles there will be, one how many were done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"Reading {sources[:60]}", total=None)
        expected = 0

        def on_count(count: int) -> None:
            nonlocal expected
            expected += count
            progress.update(task, total=expected)

        yield on_count, lambda done: progress.advance(task, done)
