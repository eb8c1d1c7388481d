"""Knowledge on a web site and in a help centre, from scripted servers on the loopback."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from services.retrieval.adapters.sources.articles import KnowledgeUnreadable
from services.retrieval.adapters.sources.site import read_site
from services.retrieval.adapters.sources.zendesk import read_articles
from services.retrieval.rules.passages import Document, Skipped
from shared.tenants import Source
from shared.web import Bounds, Response, fetch
from tests.fakes.pdf import pdf
from tests.fakes.web_server import ScriptedWeb, moved, page

XMLNS = "http://www.sitemaps.org/schemas/sitemap/0.9"


@pytest.fixture
def web() -> Iterator[ScriptedWeb]:
    with ScriptedWeb() as server:
        yield server


def get(url: str) -> Response:
    return fetch(url, Bounds(allowed_hosts=frozenset({"127.0.0.1"}), timeout_seconds=10.0))


def sitemap(*urls: str, kind: str = "urlset", lastmod: str = "") -> bytes:
    one = "url" if kind == "urlset" else "sitemap"
    entries = "".join(f"<{one}><loc>{url}</loc><lastmod>{lastmod}</lastmod></{one}>" for url in urls)
    return page(f'<?xml version="1.0"?>\n<{kind} xmlns="{XMLNS}">{entries}</{kind}>', "application/xml")


def html(text: str) -> bytes:
    return page(f"<html lang=en><h1>{text}</h1><p>About {text}.</p></html>")


def read(web: ScriptedWeb, path: str = "/sitemap.xml", **options: Any) -> dict[str, Document | Skipped]:
    return {item.document_id.removeprefix(web.url("")): item for item in read_site(web.url(path), get, **options)}


def test_one_page_is_one_article_with_its_address(web: ScriptedWeb) -> None:
    web.answers["/help"] = page('<h1>Help</h1><p><a href="more">More</a></p>')

    [document] = read_site(web.url("/help"), get)

    assert isinstance(document, Document)
    assert (document.document_id, document.url, document.title) == (web.url("/help"), web.url("/help"), "Help")
    assert document.text == f"# Help\n\n[More]({web.url('/more')})\n"


def test_a_sitemap_s_pages_of_its_own_host_are_articles(web: ScriptedWeb) -> None:
    web.answers |= {
        "/sitemap.xml": sitemap(
            web.url("/a"), web.url("/a#part"), web.url("/b.pdf"), web.url("/c.txt"), "http://169.254.169.254/x",
            "http://elsewhere.example/", lastmod="2026-02-03T10:00:00Z",
        ),
        "/a": html("A"),
        "/b.pdf": page(pdf([[("Printed", 12)]]), "application/pdf"),
        "/c.txt": page("Plain.", "text/plain"),
    }  # fmt: skip
    found = read(web)

    assert {name: item.text for name, item in found.items() if isinstance(item, Document)} == {
        "/a": "# A\n\nAbout A.\n",
        "/b.pdf": "Printed\n",
        "/c.txt": "Plain.",
    }
    assert len(found) == 3
    first = found["/a"]
    assert isinstance(first, Document)
    assert first.updated_at is not None
    assert first.updated_at.isoformat() == "2026-02-03T10:00:00+00:00"


def test_an_index_of_packed_sitemaps_is_followed_one_level(web: ScriptedWeb) -> None:
    packed = gzip.compress(sitemap(web.url("/a"), web.url("/b")).partition(b"\r\n\r\n")[2])
    web.answers |= {
        "/sitemap.xml": sitemap(web.url("/one.xml.gz"), kind="sitemapindex"),
        "/one.xml.gz": page(packed, "application/gzip"),
        "/a": html("A"),
        "/b": html("B"),
    }

    assert set(read(web)) == {"/a", "/b"}


def test_no_more_pages_are_fetched_than_allowed(web: ScriptedWeb) -> None:
    web.answers |= {f"/{number}": html(str(number)) for number in range(10)}
    web.answers["/sitemap.xml"] = sitemap(*(web.url(f"/{number}") for number in range(10)))

    assert len(read(web, pages_max=3)) == 3
    assert len(web.requests) == 5


def test_robots_are_respected(web: ScriptedWeb) -> None:
    web.answers |= {
        "/sitemap.xml": sitemap(web.url("/a"), web.url("/private/b")),
        "/robots.txt": page("User-agent: *\nDisallow: /private/\n", "text/plain"),
        "/a": html("A"),
        "/private/b": html("B"),
    }

    assert set(read(web)) == {"/a"}
    assert "/private/b" not in web.paths


def test_a_page_that_fails_is_skipped_and_one_that_is_gone_is_gone(web: ScriptedWeb) -> None:
    broken = ("/moved", "/down", "/cut", "/image", "/inside", "/deep")
    web.answers |= {
        "/sitemap.xml": sitemap(*(web.url(path) for path in ("/a", "/gone", *broken))),
        "/a": html("A"),
        "/gone": page("", status="410 Gone"),
        "/moved": moved("http://elsewhere.example/"),
        "/down": page("", status="503 Service Unavailable"),
        "/cut": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 999\r\n\r\nshort",
        "/image": page(b"GIF89a", "image/gif"),
        "/inside": moved("http://169.254.169.254/latest/meta-data/"),
        "/deep": page("<div>" * 3_000),
    }
    found = read(web)

    assert {name for name, item in found.items() if isinstance(item, Document)} == {"/a"}
    assert {name for name, item in found.items() if isinstance(item, Skipped)} == set(broken)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (page("", status="404 Not Found"), "status 404"),
        (page("", status="500 Oops"), "status 500"),
        (sitemap("http://elsewhere.example/a"), "no page of its own host"),
        (sitemap(), "no page of its own host"),
        (page(b"\x00\x01", "application/octet-stream"), "cannot be read"),
        (page("<html></html>"), "holds no text"),
        (
            page(
                '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
                "application/xml",
            ),
            "cannot be read",
        ),
        (moved("http://127.0.0.2/"), "no public host"),
    ],
)
def test_an_address_that_holds_no_knowledge_is_told(web: ScriptedWeb, answer: bytes, told: str) -> None:
    web.answers["/sitemap.xml"] = answer

    with pytest.raises(KnowledgeUnreadable, match=told):
        read(web)


def test_a_sitemap_that_is_missing_from_its_index_ends_the_reading(web: ScriptedWeb) -> None:
    """Its pages would look as if they were gone."""
    web.answers["/sitemap.xml"] = sitemap(web.url("/none.xml"), kind="sitemapindex")

    with pytest.raises(KnowledgeUnreadable, match="is no sitemap"):
        read(web)


# ── Zendesk ──────────────────────────────────────────────────────────────────────────────────────

FIRST = "/api/v2/help_center/articles.json?page[size]=100"


def zendesk_page(*articles: dict[str, Any], cursor: str = "") -> bytes:
    meta = {"has_more": bool(cursor), "after_cursor": cursor or None}
    return page(json.dumps({"articles": articles, "meta": meta}), "application/json")


def zendesk_article(number: int, **fields: Any) -> dict[str, Any]:
    values = {
        "id": number,
        "html_url": f"https://desk.example/hc/en-us/articles/{number}",
        "title": f"Article {number}",
        "body": f"<p>Text of <b>{number}</b>.</p>",
        "locale": "en-us",
        "updated_at": "2026-01-02T03:04:05Z",
        "draft": False,
        "user_segment_id": None,
    }
    return values | fields


def desk(web: ScriptedWeb) -> Source:
    return Source(kind="zendesk", secret=SecretStr("s"), reply_url=web.url(""), token=SecretStr("t0ken"))


def test_a_help_centre_s_published_articles_are_read_page_by_page(web: ScriptedWeb) -> None:
    web.answers |= {
        FIRST: zendesk_page(zendesk_article(1), zendesk_article(2, draft=True), cursor="c/1=="),
        f"{FIRST}&page[after]=c%2F1%3D%3D": zendesk_page(
            zendesk_article(3, locale="de", user_segment_id=7), zendesk_article(4, body=None)
        ),
    }
    one, three, empty = read_articles("desk", desk(web))

    assert isinstance(one, Document)
    assert (one.document_id, one.title, one.text) == ("desk/1", "Article 1", "Text of **1**.\n")
    assert (one.language, one.audience, one.url) == ("en", "customer", "https://desk.example/hc/en-us/articles/1")
    assert one.updated_at is not None
    assert isinstance(three, Document)
    assert (three.language, three.audience) == ("de", "internal"), "not everyone may see it"
    assert isinstance(empty, Skipped)
    assert all("Authorization: Bearer t0ken" in head for head in web.requests)


def test_a_help_centre_that_asks_to_wait_is_waited_for(web: ScriptedWeb) -> None:
    turns = iter(
        [
            page("", status="429 Too Many Requests", Retry_After="7"),
            page("", status="503 Service Unavailable"),
            b"",
            zendesk_page(zendesk_article(1)),
        ]
    )
    web.answers[FIRST] = lambda _: next(turns)
    waits: list[float] = []

    assert len(list(read_articles("desk", desk(web), sleep=waits.append))) == 1
    assert waits == [7.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (page("", status="401 Unauthorized"), "refuses the token"),
        (page("", status="404 Not Found"), "status 404"),
        (page("<html>", "text/html"), "no list of articles"),
        (page('{"articles": 1}', "application/json"), "no list of articles"),
        (page("", status="429 Too Many Requests", Retry_After="99999"), "cannot be read now"),
        (page("", status="429 Too Many Requests", Retry_After="1"), "cannot be read now"),
        (moved("http://127.0.0.1/"), "status 302"),
        (zendesk_page(zendesk_article(1), cursor="same"), "again and again"),
    ],
)
def test_a_help_centre_that_cannot_be_read_is_told(web: ScriptedWeb, answer: bytes, told: str) -> None:
    web.answers |= {FIRST: answer, f"{FIRST}&page[after]=same": answer}

    with pytest.raises(KnowledgeUnreadable, match=told):
        list(read_articles("desk", desk(web), sleep=lambda _: None))
