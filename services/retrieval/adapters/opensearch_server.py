"""OpenSearch's REST API: bounded requests, and which of its answers mean that it is away."""

import json
import ssl
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from shared.failures import DependencyDown

Json = dict[str, Any]

ANSWER_BYTES_MAX = 64_000_000
# Far below `http.max_content_length` (100 MB unless set otherwise), so that no node has to hold much of us at once.
_BULK_BYTES_MAX = 4_000_000
_CONFLICT = 409
_URL_FORM = "HANDRAIL_RETRIEVAL_OPENSEARCH_URL must look like https://user:password@host:9200"


class OpenSearchUrlInvalid(ValueError):
    """The setting is not the address of an OpenSearch cluster."""


class OpenSearchRefused(Exception):
    """OpenSearch is there and declines: a fault of the request or of the index, not of the moment."""


class OpenSearchServer:
    """One index of one cluster."""

    def __init__(self, url: str, index: str, *, timeout_seconds: float, ca_file: Path | None = None) -> None:
        """A user and password within the URL go into no log line and no error.

        Args:
            url: `http(s)://[user:password@]host[:port][/path]`.
            index: its name.
            timeout_seconds: for any one request.
            ca_file: certificates that the cluster's own are checked against, where they are not the system's.

        Raises:
            OpenSearchUrlInvalid: `url` is no such address.
            OSError: the file of certificates cannot be read.
        """
        parts = _parts(url)
        auth = httpx.BasicAuth(unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
        self._index = index
        try:
            self._client = httpx.AsyncClient(
                base_url=address,
                auth=auth,
                # To compress an answer full of vectors takes OpenSearch longer than to send it.
                headers={"Accept-Encoding": "identity"},
                verify=ssl.create_default_context(cafile=ca_file),
                timeout=httpx.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds)),
                limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
                follow_redirects=False,
                trust_env=False,
            )
        except httpx.InvalidURL:
            raise OpenSearchUrlInvalid(_URL_FORM) from None

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def ask(
        self, method: str, path: str, body: Json | None = None, *, absent: Sequence[int] = (), **query: str
    ) -> Json:
        """The answer to one request about the index; `{}` where the status is one of `absent`.

        Raises:
            DependencyDown: OpenSearch cannot be reached, has too much to do, or does not let us in.
            OpenSearchRefused: it declines the request.
        """
        content = None if body is None else _line(body)
        return await self._send(method, path, content, "application/json", absent, query)

    async def search_many(self, bodies: Iterable[Json]) -> list[Json]:
        """The answers to several searches in one request, whole or not at all; raises as `ask` does."""
        content = b"".join(b"{}\n" + _line(body) for body in bodies)
        answer = await self._send("POST", "/_msearch", content, "application/x-ndjson", (), {})
        for found in answer["responses"]:
            _check(int(found.get("status", 200)), found)
            if found["timed_out"] or found["_shards"]["failed"]:
                raise DependencyDown("OpenSearch answered only in part")
        return list(answer["responses"])

    async def search(self, body: Json) -> Json:
        """The answer to one search; see `search_many`."""
        return (await self.search_many([body]))[0]

    async def write(self, actions: Sequence[tuple[Json, Json | None]]) -> set[str]:
        """Does each action, in requests of bounded size, and returns when searches see them.

        Args:
            actions: each with its record, which a deletion has not.

        Returns:
            The ids of the records that somebody else has changed since, whose actions were not done.

        Raises:
            DependencyDown, OpenSearchRefused: as `ask`; some of the actions may have been done.
        """
        conflicts: set[str] = set()
        lines: list[bytes] = []
        for action, record in actions:
            line = _line(action) + (b"" if record is None else _line(record))
            if lines and sum(map(len, lines)) + len(line) > _BULK_BYTES_MAX:
                conflicts |= await self._bulk(lines)
                lines = []
            lines.append(line)
        return conflicts | (await self._bulk(lines) if lines else set())

    async def _bulk(self, lines: Sequence[bytes]) -> set[str]:
        query = {"refresh": "wait_for"}
        answer = await self._send("POST", "/_bulk", b"".join(lines), "application/x-ndjson", (), query)
        conflicts = set()
        for item in answer["items"]:
            [(action, result)] = item.items()
            if result["status"] == _CONFLICT:
                conflicts.add(str(result["_id"]))
            elif not (action == "delete" and result["status"] == httpx.codes.NOT_FOUND):
                _check(result["status"], result)
        return conflicts

    async def _send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        content_type: str,
        absent: Sequence[int],
        query: Mapping[str, str],
    ) -> Json:
        headers = {"Content-Type": content_type} if content is not None else {}
        target = f"/{self._index}{path}"
        try:
            async with self._client.stream(method, target, content=content, headers=headers, params=query) as response:
                answer = _read(await _bounded(response))
        except httpx.HTTPError as error:
            raise DependencyDown(f"OpenSearch is not reachable ({type(error).__name__})") from error
        if response.status_code in absent:
            return {}
        _check(response.status_code, answer)
        return answer


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # An odd bracket, or a port that is none; what Python says of it may quote the password.
    raise OpenSearchUrlInvalid(_URL_FORM) from None


async def _bounded(response: httpx.Response) -> bytes:
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > ANSWER_BYTES_MAX:
            raise OpenSearchRefused(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _read(content: bytes) -> Json:
    """Proxies in front of a cluster say what they say in HTML; the status tells enough then."""
    try:
        answer = json.loads(content or b"{}")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _check(status: int, answer: Json) -> None:
    """Reasons that OpenSearch gives may quote the record: only their kind is told on."""
    if status < httpx.codes.MULTIPLE_CHOICES:
        return
    told = f"OpenSearch answered {status} {_kind(answer.get('error'))}".rstrip()
    # 404 is an index that somebody deleted or is making anew: a matter of the operator, not of the ticket in hand.
    if status in {401, 403, 404, 408, 429} or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise DependencyDown(told)
    raise OpenSearchRefused(told)


def _kind(error: object) -> str:
    """A search that no shard could do is a `search_phase_execution_exception`, whatever the cause that it names."""
    if not isinstance(error, dict):
        return ""
    causes = error.get("root_cause")
    cause = causes[0] if isinstance(causes, list) and causes and isinstance(causes[0], dict) else error
    return str(cause.get("type", ""))


def _line(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
