"""Knowledge in Zendesk: the published articles of a help centre.

Source: Zendesk Help Center API, "List Articles" (`GET /api/v2/help_center/articles`) and "Using cursor pagination".
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from services.retrieval.adapters.sources.articles import KnowledgeUnreadable
from services.retrieval.adapters.sources.converter import Converter
from services.retrieval.adapters.sources.formats import read_content
from services.retrieval.rules.passages import Document, Skipped
from shared.tenants import Source
from shared.web import Bounds, FetchFailed, FetchRefused, Response, fetch

_PAGE_ARTICLES = 100
_PAGES_MAX = 500
_ATTEMPTS_MAX = 6
_WAIT_SECONDS_MAX = 120.0
_BYTES_MAX = 50_000_000


def read_articles(
    name: str, source: Source, *, sleep: Callable[[float], None] = time.sleep, timeout_seconds: float = 60.0
) -> Iterator[Document | Skipped]:
    """The articles of the help centre of `source`, which the tenant calls `name`; drafts are left out.

    Articles that only some users may see are for colleagues (`internal`), never for customers' answers.

    Raises:
        KnowledgeUnreadable: the help centre cannot be reached, refuses, or answers in another form.
    """
    cursor = ""
    with Converter() as converter:
        for _ in range(_PAGES_MAX):
            page = _page(source, cursor, sleep, timeout_seconds)
            for entry in page["articles"]:
                if isinstance(entry, dict) and not entry.get("draft"):
                    yield _article(name, entry, converter)
            meta = page.get("meta")
            following = meta.get("after_cursor") if isinstance(meta, dict) and meta.get("has_more") else None
            if not following:
                return
            if following == cursor:
                raise KnowledgeUnreadable("the help centre answers the same page again and again")
            cursor = str(following)
    raise KnowledgeUnreadable(f"the help centre has more than {_PAGES_MAX * _PAGE_ARTICLES} articles")


def _article(name: str, entry: Mapping[str, Any], converter: Converter) -> Document | Skipped:
    document_id = f"{name}/{entry.get('id')}"
    url = str(entry.get("html_url") or "")
    fields = {
        "title": str(entry.get("title") or ""),
        "url": url if urlsplit(url).scheme in {"http", "https"} else "",
        "language": str(entry.get("locale") or "").partition("-")[0].lower(),
        "audience": "customer" if entry.get("user_segment_id") is None else "internal",
        "updated": str(entry.get("updated_at") or "").replace("Z", "+00:00"),
    }
    body = str(entry.get("body") or "").encode()
    try:
        # The title of the field is the article's; its body begins below it.
        return read_content(
            document_id, body, "html", place=f"article {document_id}", converter=converter, url=url, charset="utf-8",
            fields=fields,
        )  # fmt: skip
    except KnowledgeUnreadable as error:
        return Skipped(document_id, str(error))


def _page(source: Source, cursor: str, sleep: Callable[[float], None], timeout_seconds: float) -> dict[str, Any]:
    address = f"{source.reply_url.rstrip('/')}/api/v2/help_center/articles.json?page[size]={_PAGE_ARTICLES}"
    address += f"&page[after]={quote(cursor, safe='')}" if cursor else ""
    response = _answered(address, source, sleep, timeout_seconds)
    if response.status in {401, 403}:
        raise KnowledgeUnreadable("the help centre refuses the token of this source")
    try:
        content = orjson.loads(response.body) if response.status == 200 else None
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("articles"), list):
        raise KnowledgeUnreadable(f"the help centre answers with status {response.status} and no list of articles")
    return content


def _answered(url: str, source: Source, sleep: Callable[[float], None], timeout_seconds: float) -> Response:
    """The first answer that is no "later, please": 429 and 5xx are asked again, as late as `Retry-After` says."""
    # The operator wrote this address into the tenants file, next to the token; it may be an intranet's.
    allowed = frozenset({urlsplit(url).hostname or ""})
    bounds = Bounds(bytes_max=_BYTES_MAX, timeout_seconds=timeout_seconds, redirects_max=0, allowed_hosts=allowed)
    headers = {"Authorization": f"Bearer {source.token.get_secret_value()}", "Accept": "application/json"}
    why = ""
    for attempt in range(_ATTEMPTS_MAX):
        wait = 2.0**attempt
        try:
            response = fetch(url, bounds, headers)
            if response.status != 429 and response.status < 500:
                return response
            why = f"it answers with status {response.status}"
            asked = response.headers.get("retry-after", "")
            wait = float(asked) if asked.isdecimal() and len(asked) < 6 else wait
        except FetchRefused as error:
            raise KnowledgeUnreadable(str(error)) from error
        except FetchFailed as error:
            why = str(error)
        if wait > _WAIT_SECONDS_MAX:
            break
        if attempt + 1 < _ATTEMPTS_MAX:
            sleep(wait)
    raise KnowledgeUnreadable(f"the help centre cannot be read now: {why}")
