"""Finds out what an argument such as a path, an address or `zendesk:SOURCE` means, and opens it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from services.retrieval.adapters.sources.articles import KnowledgeUnreadable
from services.retrieval.adapters.sources.files import Stamps, count_documents, read_path
from services.retrieval.adapters.sources.git import Repository, parse_repository, read_repository
from services.retrieval.adapters.sources.site import PAGES_MAX, read_site
from services.retrieval.adapters.sources.zendesk import read_articles
from services.retrieval.rules.passages import Document, Skipped
from shared.tenants import Tenant
from shared.web import Bounds, fetch

OnCount = Callable[[int], None]
Read = Callable[[OnCount], Iterator[Document | Skipped]]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """One source. `collection` is what its articles belong to where nothing else is said.

    `read` delivers them; what it is given hears how many there will be, once that is known. `folder` is the place on
    this machine that can be watched, if there is one.
    """

    argument: str
    collection: str
    read: Read
    folder: Path | None = None


def open_source(argument: str, tenant: Tenant, *, bounds: Bounds | None = None, pages_max: int = PAGES_MAX) -> Opened:
    """The source that `argument` names, nothing of it read yet.

    A folder or file; `git+https://host/path.git[@reference][#folder]` or `path/to/repo.git`; the address of a page or
    of a sitemap; or `zendesk:SOURCE`, a Zendesk source of the tenant.

    Raises:
        KnowledgeUnreadable: it is none of these.
    """
    bounds = bounds or Bounds()
    if repository := parse_repository(argument):
        read = partial(_read_repository, repository, bounds)
        return Opened(argument=argument, collection=repository.name, read=read)
    if argument.startswith("zendesk:"):
        return _zendesk(argument, tenant)
    if urlsplit(argument).scheme in {"http", "https"}:
        return Opened(
            argument=argument,
            collection=urlsplit(argument).hostname or "site",
            read=lambda on_count: read_site(
                argument, lambda url: fetch(url, bounds), pages_max=pages_max, on_count=on_count
            ),
        )
    if "://" in argument:
        raise KnowledgeUnreadable(f"{argument} is no source: folders, files, https://, git+https:// and zendesk: are")
    path = Path(argument)
    return Opened(argument=argument, collection=path.resolve().name, read=partial(_read_files, path), folder=path)


def _read_repository(repository: Repository, bounds: Bounds, on_count: OnCount) -> Iterator[Document | Skipped]:
    return read_repository(repository, bounds=bounds, on_count=on_count)


def _read_files(path: Path, on_count: OnCount, unchanged_since: Stamps | None = None) -> Iterator[Document | Skipped]:
    on_count(count_documents(path))
    return read_path(path, unchanged_since)


def _zendesk(argument: str, tenant: Tenant) -> Opened:
    name = argument.removeprefix("zendesk:")
    source = tenant.sources.get(name)
    if source is None or source.kind != "zendesk":
        names = ", ".join(name for name, source in tenant.sources.items() if source.kind == "zendesk") or "none"
        raise KnowledgeUnreadable(f"tenant {tenant.id} has no Zendesk source {name!r}; it has {names}")
    return Opened(argument=argument, collection=f"zendesk-{name}", read=lambda _: read_articles(name, source))
