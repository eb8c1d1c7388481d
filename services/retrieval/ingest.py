"""Brings a tenant's knowledge up to date: with a source of articles, touching only what changed, and with answers that
people approved.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import structlog

from contracts.events import FeedbackRecorded
from services.retrieval.ports import AnswerStore, KnowledgeStore, PassageEmbedder
from services.retrieval.rules.passages import Chunk, Document, Skipped, chunk_markdown
from services.retrieval.rules.solved import FindPersonalData, KeptOut, solved_document, sources_of
from shared.embedding import Vectors

log = structlog.get_logger(__name__)

_BATCH_DOCUMENTS = 16
_BATCH_CHARACTERS = 200_000


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did, in articles; `chunks` counts the passages that were written.

    `skipped` articles exist but could not be read; what was known of them is kept. `renewed` counts approved answers
    that had to be indexed anew.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    skipped: int = 0
    renewed: int = 0


async def ingest(
    tenant: str,
    collection: str,
    documents: Iterable[Document | Skipped],
    *,
    store: KnowledgeStore,
    embedder: PassageEmbedder,
    index_version: str,
    on_progress: Callable[[int], None] = lambda _: None,
    on_skipped: Callable[[Skipped], None] = lambda _: None,
) -> IngestReport:
    """Articles that are new or changed are cut, embedded and stored; those gone from the collection are removed.

    A batch of articles is stored in one transaction, so that a broken-off ingest can simply be repeated.
    `on_progress` hears after each batch how many articles were done in it, `on_skipped` of each that has a reason.
    """
    known = await store.versions(tenant)
    report = IngestReport()
    present: set[str] = set()
    for batch in _batches(documents):
        fresh: dict[str, tuple[Document, str]] = {}
        skipped = [item for item in batch if isinstance(item, Skipped) and item.reason]
        for item in batch:
            present.add(item.document_id)
            if isinstance(item, Document) and known.get(item.document_id) != (version := item.version(index_version)):
                fresh[item.document_id] = (item, version)
        for item in skipped:
            on_skipped(item)
        written = await _write(tenant, collection, list(fresh.values()), store, embedder)
        added = sum(1 for document_id in fresh if document_id not in known)
        report = replace(
            report,
            added=report.added + added,
            changed=report.changed + len(fresh) - added,
            unchanged=report.unchanged + len(batch) - len(fresh) - len(skipped),
            chunks=report.chunks + written,
            skipped=report.skipped + len(skipped),
        )
        on_progress(len(batch))
    removed = await store.remove_missing(tenant, collection, frozenset(present))
    return replace(report, removed=removed)


async def learn(
    event: FeedbackRecorded,
    *,
    answers: AnswerStore,
    embedder: PassageEmbedder,
    personal_data: FindPersonalData,
    index_version: str,
    kept: int,
) -> bool:
    """Makes evidence of an answer that a person approved, if the next customer may see it; says whether it did.

    Of each tenant the newest `kept` answers are kept.

    Raises:
        DependencyDown: the store cannot be reached.
    """
    document = await asyncio.to_thread(solved_document, event, personal_data)
    if isinstance(document, KeptOut):
        log.info("an answer does not become evidence", case_id=str(event.case_id), reason=document.reason)
        return False
    chunks = chunk_markdown(document.text)
    if not chunks:
        return False
    vectors = await asyncio.to_thread(embedder.embed, [chunk.indexed(document.index_title) for chunk in chunks])
    version = document.version(index_version)
    sources = sources_of(event)
    return await answers.learn(event.tenant, document, version, chunks, vectors, sources=sources, kept=kept)


async def renew_answers(tenant: str, *, answers: AnswerStore, embedder: PassageEmbedder, index_version: str) -> int:
    """Cuts and embeds anew the approved answers that are indexed in another way than now; returns how many.

    An ingest does the same for articles, whose texts it reads again. Nobody sends an approved answer again.

    Raises:
        DependencyDown: the store cannot be reached.
    """
    renewed = 0
    async for stored in answers.stored(tenant):
        versions = {answer.document_id: answer.version(index_version) for answer, _ in stored}
        known = {answer.document_id: version for answer, version in stored if version != versions[answer.document_id]}
        outdated = [(answer, versions[answer.document_id]) for answer, _ in stored if answer.document_id in known]
        if outdated:
            renewed += await answers.renew(tenant, await asyncio.to_thread(_indexed, outdated, embedder), known)
    return renewed


async def _write(
    tenant: str,
    collection: str,
    fresh: Sequence[tuple[Document, str]],
    store: KnowledgeStore,
    embedder: PassageEmbedder,
) -> int:
    """Returns how many passages were written."""
    if not fresh:
        return 0
    articles = _indexed(fresh, embedder)
    await store.put(tenant, collection, articles)
    return sum(len(chunks) for _, _, chunks, _ in articles)


def _indexed(
    documents: Sequence[tuple[Document, str]], embedder: PassageEmbedder
) -> list[tuple[Document, str, Sequence[Chunk], Vectors]]:
    """The documents with their versions, passages and vectors."""
    chunks = [chunk_markdown(document.text) for document, _ in documents]
    indexed = [
        chunk.indexed(document.index_title)
        for (document, _), own in zip(documents, chunks, strict=True)
        for chunk in own
    ]
    vectors = embedder.embed(indexed)
    articles: list[tuple[Document, str, Sequence[Chunk], Vectors]] = []
    first = 0
    for (document, version), own in zip(documents, chunks, strict=True):
        articles.append((document, version, own, vectors[first : first + len(own)]))
        first += len(own)
    return articles


def _batches(documents: Iterable[Document | Skipped]) -> Iterator[list[Document | Skipped]]:
    """Bounded in number and in size, so that memory is too."""
    batch: list[Document | Skipped] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document.text) if isinstance(document, Document) else 0
        if len(batch) >= _BATCH_DOCUMENTS or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
