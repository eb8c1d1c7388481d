"""Brings a tenant's knowledge up to date with a folder or file, touching only what changed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from services.retrieval.ports import KnowledgeStore, PassageEmbedder
from services.retrieval.rules.passages import Document, chunk_markdown

_BATCH_DOCUMENTS = 16
_BATCH_CHARACTERS = 200_000


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did, in articles; `chunks` counts the passages that were written."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0


async def ingest(
    tenant: str,
    collection: str,
    documents: Iterable[Document],
    *,
    store: KnowledgeStore,
    embedder: PassageEmbedder,
    index_version: str,
    on_progress: Callable[[int], None] = lambda _: None,
) -> IngestReport:
    """Articles that are new or changed are cut, embedded and stored; those gone from the collection are removed.

    A batch of articles is stored in one transaction, so that a broken-off ingest can simply be repeated.
    `on_progress` hears after each batch how many articles were done in it.
    """
    known = await store.versions(tenant)
    report = IngestReport()
    present: set[str] = set()
    for batch in _batches(documents):
        fresh: dict[str, tuple[Document, str]] = {}
        for document in batch:
            version = document.version(index_version)
            if known.get(document.document_id) != version:
                fresh[document.document_id] = (document, version)
            present.add(document.document_id)
        written = await _write(tenant, collection, list(fresh.values()), store, embedder)
        added = sum(1 for document_id in fresh if document_id not in known)
        report = replace(
            report,
            added=report.added + added,
            changed=report.changed + len(fresh) - added,
            unchanged=report.unchanged + len(batch) - len(fresh),
            chunks=report.chunks + written,
        )
        on_progress(len(batch))
    removed = await store.remove_missing(tenant, collection, frozenset(present))
    return replace(report, removed=removed)


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
    chunks = [chunk_markdown(document.text) for document, _ in fresh]
    indexed = [chunk.indexed(document.title) for (document, _), own in zip(fresh, chunks, strict=True) for chunk in own]
    vectors = embedder.embed(indexed)
    articles, first = [], 0
    for (document, version), own in zip(fresh, chunks, strict=True):
        articles.append((document, version, own, vectors[first : first + len(own)]))
        first += len(own)
    await store.put(tenant, collection, articles)
    return len(indexed)


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Bounded in number and in size, so that memory is too."""
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document.text)
        if len(batch) >= _BATCH_DOCUMENTS or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
