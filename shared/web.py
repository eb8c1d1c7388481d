"""Fetches addresses that others chose, without reaching anything that is not public (server-side request forgery).

The host's name is resolved once, every address it has is checked, and the connection goes to a checked address, so that
a name that resolves differently a moment later (DNS rebinding) gains nothing. Every redirect is checked again. Source
of the threats: OWASP, Server-Side Request Forgery Prevention Cheat Sheet. Proxies of the environment are not used: they
would resolve the name again.
"""

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit

USER_AGENT = "Handrail"
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = {301, 302, 303, 307, 308}
_PIECE_BYTES = 65_536
_URL_CHARACTERS_MAX = 2_000
_ADDRESSES_TRIED_MAX = 3
_ODD = re.compile(r"[\x00-\x20\x7f\\]")
# Forms of IPv6 that carry an IPv4 address: where it begins, in bits from the right (RFC 4291, 6052, 3056, 8215).
_CARRIERS = tuple(
    (ipaddress.IPv6Network(network), shift)
    for network, shift in (
        ("::/96", 0),
        ("::ffff:0:0/96", 0),
        ("::ffff:0:0:0/96", 0),
        ("64:ff9b::/96", 0),
        ("64:ff9b:1::/48", 0),
        ("2002::/16", 80),
    )
)
# Kept for protocols, Teredo, and sites' own addresses of old: not all of them count as private in every Python.
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/32", "fec0::/10", "100::/64")
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]


class FetchRefused(Exception):
    """The address must not be fetched; the text says which one and why."""


class FetchFailed(Exception):
    """The address could not be fetched now; the text says which one and why."""


@dataclass(frozen=True)
class Response:
    """What a server answered. `url` is where it was found after redirects; header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


def _resolve(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a fetch may cost and reach.

    Without `redirects_max` a redirect itself is the answer. `allowed_hosts` are `host` or `host:port`; the operator
    vouches for them: their addresses and ports are not checked.
    """

    bytes_max: int = 10_000_000
    timeout_seconds: float = 30.0
    redirects_max: int = 5
    allowed_hosts: frozenset[str] = frozenset()
    resolve: Resolve = field(default=_resolve, repr=False)


def is_public(address: str) -> bool:
    """Whether a textual IP address is one of the public Internet, also where it hides in a form of IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        for network, shift in _CARRIERS:
            if parsed in network:
                return is_public(str(ipaddress.IPv4Address((int(parsed) >> shift) & 0xFFFFFFFF)))
    if any(parsed in network for network in _NEVER):
        return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified)


@dataclass(frozen=True)
class _Target:
    """An address of the web that may be connected to."""

    url: str
    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"


def fetch(url: str, bounds: Bounds | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """What `GET url` answers, whatever its status, after redirects. `headers` go to the first host only.

    Raises:
        FetchRefused: the address, or one it redirects to, is no public address of the web.
        FetchFailed: the server cannot be reached, answers too much, too slowly, or not in HTTP.
    """
    bounds = bounds or Bounds()
    deadline = time.monotonic() + bounds.timeout_seconds
    target = _checked(url, bounds)
    sent = dict(headers or {})
    for _ in range(bounds.redirects_max + 1):
        response = _get(target, sent, bounds, deadline)
        location = response.headers.get("location", "")
        if response.status not in _REDIRECTS or not location or not bounds.redirects_max:
            return response
        following = _checked(urljoin(target.url, location), bounds)
        if target.scheme == "https" and following.scheme == "http":
            raise FetchRefused(f"{url} leads from https to http")
        if (following.scheme, following.host, following.port) != (target.scheme, target.host, target.port):
            sent = {}
        target = following
    raise FetchFailed(f"{url} redirects more than {bounds.redirects_max} times")


def checked_address(url: str, bounds: Bounds) -> tuple[str, int, tuple[str, ...]]:
    """Host, port and IP addresses of a URL that another program is to fetch; it should connect to these only.

    Raises:
        FetchRefused, FetchFailed: as `fetch` does.
    """
    target = _checked(url, bounds)
    return target.host, target.port, target.addresses


def _checked(url: str, bounds: Bounds) -> _Target:
    """The parts of an address that may be fetched, with where its host is."""
    shown = url[:200]
    if len(url) > _URL_CHARACTERS_MAX or _ODD.search(url):
        raise FetchRefused(f"{shown!r} is too long or has spaces, backslashes or control characters")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode().lower().rstrip(".")
        port = parts.port
    except (ValueError, UnicodeError) as error:
        raise FetchRefused(f"{shown} is no address of the web") from error
    if parts.scheme not in _PORTS or not host:
        raise FetchRefused(f"{shown} is no address that begins with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise FetchRefused("addresses with a user's name or password in them are not fetched")
    port = port if port is not None else _PORTS[parts.scheme]
    vouched = bool({host, f"{host}:{port}"} & bounds.allowed_hosts)
    if port not in _PORTS.values() and not vouched:
        raise FetchRefused(f"{shown}: only the ports 80 and 443 are fetched from; --allow-host vouches for a host")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (f"?{_query(parts.query)}" if parts.query else "")
    return _Target(url, parts.scheme, host, port, path, _addresses(host, port, bounds, vouched=vouched))


def _query(query: str) -> str:
    return quote(query, safe="/%:@!$&'()*+,;=~-._?[]")


def _addresses(host: str, port: int, bounds: Bounds, *, vouched: bool) -> tuple[str, ...]:
    try:
        found = tuple(dict.fromkeys(bounds.resolve(host, port)))
    except (OSError, UnicodeError) as error:
        raise FetchFailed(f"the host {host} is not known") from error
    if not vouched and not all(is_public(address) for address in found):
        raise FetchRefused(f"{host} is no public host; --allow-host vouches for one of your own")
    return found


def _get(target: _Target, headers: Mapping[str, str], bounds: Bounds, deadline: float) -> Response:
    try:
        connected = _connected(target, deadline)
        # Whatever a server does to be slow, at the deadline nothing more is to be read from it.
        guard = threading.Timer(max(0.0, deadline - time.monotonic()), _break_off, [connected])
        guard.start()
        try:
            if isinstance(connected, ssl.SSLSocket):
                connected.do_handshake()
            response = _spoken(connected, target, headers, bounds)
        finally:
            guard.cancel()
            connected.close()
        if time.monotonic() >= deadline:
            raise TimeoutError  # A body without a stated length would only look complete.
        return response
    except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
        if time.monotonic() >= deadline:
            raise FetchFailed(f"{target.url} took longer than {bounds.timeout_seconds:g} seconds") from error
        raise FetchFailed(f"{target.url} failed ({_cause(error)})") from error


def _cause(error: Exception) -> str:
    return "it ended too early" if isinstance(error, http.client.IncompleteRead) else type(error).__name__


def _connected(target: _Target, deadline: float) -> socket.socket:
    last: OSError = OSError("no address")
    for address in target.addresses[:_ADDRESSES_TRIED_MAX]:
        try:
            plain = socket.create_connection((address, target.port), timeout=max(0.01, deadline - time.monotonic()))
        except OSError as error:
            last = error
            continue
        if target.scheme == "http":
            return plain
        return _tls().wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False)
    raise last


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _break_off(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):  # It may have ended by itself.
        # The method of TLS sockets would only forget the encryption.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _spoken(connected: socket.socket, target: _Target, headers: Mapping[str, str], bounds: Bounds) -> Response:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = connected
    standing = {"Host": target.host_header, "User-Agent": USER_AGENT, "Accept-Encoding": "gzip", "Connection": "close"}
    connection.request("GET", target.path, headers={**standing, **headers})
    response = connection.getresponse()
    received = {name.lower(): value for name, value in response.getheaders()}
    body = b"" if response.status in _REDIRECTS else _body(response, received, target.url, bounds)
    return Response(target.url, response.status, received, body)


def _body(response: http.client.HTTPResponse, headers: Mapping[str, str], url: str, bounds: Bounds) -> bytes:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip", "x-gzip"}:
        raise FetchFailed(f"{url} is encoded as {encoding[:40]!r}, which was not asked for")
    body = bytearray()
    while piece := response.read1(_PIECE_BYTES):
        body += piece
        if len(body) > bounds.bytes_max:
            raise FetchFailed(f"{url} is larger than {bounds.bytes_max} bytes")
    if response.length:
        raise http.client.IncompleteRead(bytes(body[:100]), response.length)
    if "gzip" not in encoding:
        return bytes(body)
    return unpacked(bytes(body), bounds.bytes_max, url)


def unpacked(content: bytes, bytes_max: int, place: str) -> bytes:
    """What a gzip file holds.

    Raises:
        FetchFailed: it is not intact, or holds more than `bytes_max`; no more than that is ever unpacked.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        result = unpacker.decompress(content, bytes_max + 1)
    except zlib.error as error:
        raise FetchFailed(f"{place} is no intact gzip file") from error
    if len(result) > bytes_max:
        raise FetchFailed(f"{place} unpacks to more than {bytes_max} bytes")
    if not unpacker.eof:
        raise FetchFailed(f"{place} is no intact gzip file")
    return result
