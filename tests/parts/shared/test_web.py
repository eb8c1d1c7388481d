"""Fetching over real sockets: from a server that behaves, and from servers that do not."""

import gzip
import socket
from collections.abc import Iterator

import pytest

from shared.web import Bounds, FetchFailed, FetchRefused, Response, fetch
from tests.fakes.web_server import ScriptedWeb, dripping, moved, packed, page

VOUCHED = frozenset({"127.0.0.1", "help.example"})


@pytest.fixture
def web() -> Iterator[ScriptedWeb]:
    with ScriptedWeb() as server:
        yield server


def get(url: str, *, timeout_seconds: float = 5.0, bytes_max: int = 100_000, **headers: str) -> Response:
    bounds = Bounds(
        bytes_max=bytes_max,
        timeout_seconds=timeout_seconds,
        allowed_hosts=VOUCHED,
        resolve=lambda host, port: ["127.0.0.1"],
    )
    return fetch(url, bounds, headers)


def test_a_page_is_fetched_by_its_own_name_from_the_address_that_was_checked(web: ScriptedWeb) -> None:
    web.answers["/a%20b?q=1&r=%C3%A9"] = page("<p>hello</p>")

    response = get(f"http://help.example:{web.port}/a%20b?q=1&r=é", Authorization="Bearer x")

    assert (response.status, response.body) == (200, b"<p>hello</p>")
    assert response.headers["content-type"].startswith("text/html")
    assert f"Host: help.example:{web.port}" in web.requests[0]
    assert "Authorization: Bearer x" in web.requests[0]


def test_this_machine_is_not_fetched_from_unless_it_is_vouched_for(web: ScriptedWeb) -> None:
    web.answers["/"] = page("secret")
    for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
        with pytest.raises((FetchRefused, FetchFailed)):
            fetch(web.url("/", host))

    assert web.requests == []


def test_a_name_that_resolves_to_another_address_afterwards_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]])
    reached: list[object] = []

    def connect(address: object, timeout: float) -> socket.socket:
        reached.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(FetchFailed):
        fetch("http://rebinding.example/", Bounds(resolve=lambda host, port: next(answers)))

    assert reached == [("93.184.215.14", 80)]


def test_redirects_are_followed_and_checked_each_time(web: ScriptedWeb) -> None:
    web.answers |= {"/a": moved("/b"), "/b": moved(web.url("/c", "help.example")), "/c": page("here")}
    assert get(web.url("/a"), Authorization="Bearer x").url == web.url("/c", "help.example")
    assert "Authorization" in web.requests[1]
    assert "Authorization" not in web.requests[2], "another host must not get the token"

    for inside in (
        "http://169.254.169.254/latest/",
        "file:///etc/passwd",
        "http://inside.example/",
        "//inside.example",
    ):
        web.answers["/out"] = moved(inside)
        with pytest.raises(FetchRefused):
            get(web.url("/out"))


def test_redirects_in_a_circle_come_to_an_end(web: ScriptedWeb) -> None:
    web.answers["/a"] = moved("/a")

    with pytest.raises(FetchFailed, match="redirects more than 5 times"):
        get(web.url("/a"))
    assert len(web.requests) == 6


def test_a_packed_page_is_unpacked(web: ScriptedWeb) -> None:
    web.answers["/"] = packed(b"hello " * 100)

    assert get(web.url("/")).body == b"hello " * 100


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (page(b"x" * 100_001), "larger than 100000 bytes"),
        (packed(b"\0" * 50_000_000), "unpacks to more than"),
        (page(gzip.compress(b"hello")[:-9], Content_Encoding="gzip"), "no intact gzip"),
        (page(b"x", Content_Encoding="br"), "was not asked for"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "ended too early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "failed"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "failed"),
        (b"", "failed"),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n", "failed"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", "failed"),
    ],
)
def test_an_answer_that_is_too_large_or_broken_is_refused(web: ScriptedWeb, answer: bytes, told: str) -> None:
    web.answers["/"] = answer

    with pytest.raises(FetchFailed, match=told):
        get(web.url("/"))


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "]
)
def test_a_server_that_drips_is_left_at_the_deadline(web: ScriptedWeb, head: bytes) -> None:
    web.answers["/"] = lambda _: dripping(head)

    with pytest.raises(FetchFailed, match=r"longer than 0\.5 seconds"):
        get(web.url("/"), timeout_seconds=0.5)


def test_nobody_there_is_a_failure() -> None:
    with ScriptedWeb() as server:
        url = server.url("/")
    with pytest.raises(FetchFailed, match="failed"):
        get(url)
