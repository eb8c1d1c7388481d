"""Knowledge on a web site: one page, or all pages of a sitemap."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser
from xml.etree.ElementTree import Element, ParseError

import defusedxml  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from services.retrieval.adapters.sources.articles import ID_CHARACTERS_MAX, KnowledgeUnreadable
from services.retrieval.adapters.sources.converter import Converter
from services.retrieval.adapters.sources.formats import (
    BYTES_MAX,
    charset_of_type,
    format_of_name,
    format_of_type,
    read_content,
)
from services.retrieval.rules.passages import Document, Skipped
from shared.web import USER_AGENT, FetchFailed, FetchRefused, Response, unpacked

PAGES_MAX = 5_000
# The protocol's own bounds are 50 MB and 50,000 addresses (sitemaps.org/protocol.html); a help centre has less.
_SITEMAP_BYTES_MAX = 10_000_000
_SITEMAPS_MAX = 50
_ROBOTS_LINES_MAX = 5_000
_GONE = {404, 410}

Fetch = Callable[[str], Response]


@dataclass(frozen=True)
class _Entry:
    url: str
    updated: str


def read_site(
    url: str, fetch: Fetch, *, pages_max: int = PAGES_MAX, on_count: Callable[[int], None] = lambda _: None
) -> Iterator[Document | Skipped]:
    """The page at `url`, or, where that is a sitemap (or an index of sitemaps), the pages of the same host in it.

    An article's id is its page's address. Pages that robots.txt forbids are left out; pages that cannot be fetched or
    read now are skipped. `on_count` hears how many pages there are.

    Raises:
        KnowledgeUnreadable: the address itself cannot be fetched, or there is nothing to read.
    """
    try:
        response = fetch(url)
    except (FetchRefused, FetchFailed) as error:
        raise KnowledgeUnreadable(str(error)) from error
    if response.status != 200:
        raise KnowledgeUnreadable(f"{url} answers with status {response.status}")
    with Converter() as converter:
        root = _sitemap(response)
        if root is None:
            on_count(1)
            yield _page(url, response, converter, {})
            return
        entries = _entries(root, response.url, fetch, pages_max)
        allowed = _robots(response.url, fetch)
        entries = [entry for entry in entries if allowed.can_fetch(USER_AGENT, entry.url)]
        if not entries:
            raise KnowledgeUnreadable(f"{url} lists no page of its own host that may be read")
        on_count(len(entries))
        for entry in entries:
            if (item := _fetched(entry, fetch, converter)) is not None:
                yield item


def _fetched(entry: _Entry, fetch: Fetch, converter: Converter) -> Document | Skipped | None:
    """The article, or None where the page is gone."""
    try:
        response = fetch(entry.url)
        if response.status in _GONE:
            return None
        if response.status != 200:
            raise KnowledgeUnreadable(f"{entry.url} answers with status {response.status}")
        if _host(response.url) != _host(entry.url):
            raise KnowledgeUnreadable(f"{entry.url} leads to another host")
        return _page(entry.url, response, converter, {"updated": entry.updated})
    except (KnowledgeUnreadable, FetchRefused, FetchFailed) as error:
        return Skipped(_id(entry.url), str(error))


def _page(url: str, response: Response, converter: Converter, fields: dict[str, Any]) -> Document:
    content_type = response.headers.get("content-type", "")
    format_ = format_of_type(content_type) or (None if content_type else format_of_name(urlsplit(url).path))
    if format_ is None:
        raise KnowledgeUnreadable(f"{url} is of the type {content_type[:80]!r}, which cannot be read")
    if len(response.body) > BYTES_MAX[format_]:
        raise KnowledgeUnreadable(f"{url} is larger than {BYTES_MAX[format_]} bytes")
    charset = charset_of_type(content_type)
    return read_content(
        _id(url),
        response.body,
        format_,
        place=url,
        converter=converter,
        url=response.url,
        charset=charset,
        fields=fields,
    )


def _id(url: str) -> str:
    """The address without the place on the page; the end of a very long one becomes a hash."""
    page = url.partition("#")[0]
    if len(page) <= ID_CHARACTERS_MAX:
        return page
    return page[: ID_CHARACTERS_MAX - 17] + "~" + hashlib.sha256(page.encode()).hexdigest()[:16]


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _sitemap(response: Response) -> Element | None:
    """The root of a sitemap or of an index of sitemaps; None where the answer is neither."""
    body = response.body
    try:
        if body[:2] == b"\x1f\x8b":
            body = unpacked(body, _SITEMAP_BYTES_MAX, response.url)
        if len(body) > _SITEMAP_BYTES_MAX or not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return None
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, FetchFailed, defusedxml.DefusedXmlException, ValueError, LookupError):
        return None
    return root if _name(root) in {"urlset", "sitemapindex"} else None


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _entries(root: Element, url: str, fetch: Fetch, pages_max: int) -> list[_Entry]:
    """The pages in a sitemap and in those that an index names, one level deep, each once."""
    found: dict[str, _Entry] = {}
    maps = [root] if _name(root) == "urlset" else list(_named_sitemaps(root, url, fetch))
    for sitemap in maps:
        for entry in _listed(sitemap):
            if _host(entry.url) == _host(url):
                found.setdefault(_id(entry.url), entry)
            if len(found) >= pages_max:
                return list(found.values())
    return list(found.values())


def _named_sitemaps(index: Element, url: str, fetch: Fetch) -> Iterator[Element]:
    for entry in _listed(index)[:_SITEMAPS_MAX]:
        if _host(entry.url) != _host(url):
            continue
        try:
            root = _sitemap(fetch(entry.url))
        except (FetchRefused, FetchFailed) as error:
            # Its pages would look as if they were gone.
            raise KnowledgeUnreadable(str(error)) from error
        if root is None or _name(root) != "urlset":
            raise KnowledgeUnreadable(f"{entry.url} is no sitemap")
        yield root


def _listed(root: Element) -> list[_Entry]:
    entries = []
    for element in root:
        values = {_name(child): (child.text or "").strip() for child in element}
        if values.get("loc"):
            entries.append(_Entry(values["loc"], _date(values.get("lastmod", ""))))
    return entries


def _date(text: str) -> str:
    """A W3C date, or nothing where it is none: a page is not refused for its map's sake."""
    date = text.replace("Z", "+00:00")
    return date if len(date) >= 10 and date[:4].isdigit() and date[4] == date[7] == "-" else ""


def _robots(url: str, fetch: Fetch) -> RobotFileParser:
    """What robots.txt allows; everything where there is none (RFC 9309)."""
    parser = RobotFileParser()
    parts = urlsplit(url)
    lines: list[str] = []
    try:
        response = fetch(f"{parts.scheme}://{parts.netloc}/robots.txt")
        if response.status == 200:
            lines = response.body[:500_000].decode(errors="replace").splitlines()[:_ROBOTS_LINES_MAX]
    except (FetchRefused, FetchFailed):
        pass
    parser.parse(lines)
    return parser
