"""An OpenSearch of one index on the loopback, as far as the endpoints go that we use.

What it declines and how it answers was compared with real nodes, of 2.19.1 and of 3.5.0.

with ScriptedOpenSearch() as server:
    ...  # server.url; server.requests holds what came in, server.encodings what was accepted; server.fails(...) fails

What is written is found only after a refresh, but got by its id at once; what a real cluster declines is declined:
unknown parameters, fields outside the mapping, vectors of the wrong length, lines that do not end.
"""

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.opensearch_records import Declined, Index, Malformed, Record
from tests.fakes.opensearch_searches import matching, run

Json = dict[str, Any]
# Given method, endpoint and how many requests of the endpoint came before: an answer instead of the true one.
Fault = Callable[[str, str, int], Response | None]

_PARAMETERS = {
    ("GET", "_mapping"): set[str](),
    ("PUT", ""): set[str](),
    ("POST", "_bulk"): {"refresh"},
    ("POST", "_msearch"): set[str](),
    ("POST", "_mget"): {"_source"},
    ("POST", "_delete_by_query"): {"conflicts", "refresh"},
}
_CONTENT_TYPES = {"application/json", "application/x-ndjson"}


def fault(status: int, kind: str = "exception") -> Response:
    """An answer as OpenSearch gives it when something is wrong."""
    return JSONResponse({"error": _error(kind), "status": status}, status)


def _error(kind: str, told_as: str = "") -> Json:
    reason = "a reason that may quote what was sent"
    return {"type": told_as or kind, "reason": reason, "root_cause": [{"type": kind, "reason": reason}]}


def on(endpoint: str, answer: Response, *, number: int = 0) -> Fault:
    """From the endpoint's `number`-th request on, this answer."""
    return lambda _, asked, before: answer if asked == endpoint and before >= number else None


@dataclass
class ScriptedOpenSearch:
    """One node with one index, which is missing at first."""

    user: str = ""
    password: str = ""
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    encodings: set[str] = field(default_factory=set)
    index: Index | None = None
    url: str = ""
    _fault: Fault | None = None

    def fails(self, fault: Fault | None) -> None:
        """From now on this is asked first."""
        self.requests.clear()
        self._fault = fault

    def records(self, **fields: str) -> list[Json]:
        """What is kept, searchable or not."""
        assert self.index is not None
        sources = (record.source for record in self.index.live.values())
        return [source for source in sources if fields.items() <= source.items()]

    def __enter__(self) -> Self:
        routes = [
            Route("/{index}", self._serve, methods=["GET", "PUT", "HEAD", "DELETE"]),
            Route("/{index}/{endpoint}", self._serve, methods=["GET", "POST"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), host="127.0.0.1", port=0, log_level="error", lifespan="off",
            timeout_graceful_shutdown=0,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the scripted server did not start")
            time.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        login = f"{self.user}:{self.password}@" if self.user else ""
        self.url = f"http://{login}127.0.0.1:{port}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)

    async def _serve(self, request: Request) -> Response:
        endpoint, content = request.path_params.get("endpoint", ""), await request.body()
        before = sum(1 for _, name, _ in self.requests if name == endpoint)
        self.requests.append((request.method, endpoint, content))
        self.encodings.add(request.headers.get("accept-encoding", ""))
        if not self._known(request.headers.get("authorization", "")):
            return Response("Unauthorized", 401)
        if self._fault and (failed := self._fault(request.method, endpoint, before)):
            return failed
        if content and request.headers.get("content-type") not in _CONTENT_TYPES:
            return JSONResponse({"error": "Content-Type header is not supported", "status": 406}, 406)
        try:
            return JSONResponse(self._answer(request, endpoint, content))
        except Declined as declined:
            return fault(declined.status, declined.kind)

    def _known(self, authorization: str) -> bool:
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return not self.user or authorization == f"Basic {login}"

    def _answer(self, request: Request, endpoint: str, content: bytes) -> Json:
        allowed = _PARAMETERS.get((request.method, endpoint))
        if allowed is None or request.query_params.keys() - allowed:
            raise Declined(400, "illegal_argument_exception")
        name = request.path_params["index"]
        if request.method == "PUT":
            return self._create(name, json.loads(content))
        if self.index is None or self.index.name != name:
            return self._without_index(name, endpoint, content, dict(request.query_params))
        if endpoint == "_mapping":
            return {name: {"mappings": {"dynamic": "strict", "properties": self.index.properties}}}
        answers = {"_bulk": self._bulk, "_msearch": self._msearch, "_mget": self._mget}
        if endpoint in answers:
            return answers[endpoint](self.index, content, dict(request.query_params))
        return self._delete_by_query(self.index, content, dict(request.query_params))

    def _without_index(self, name: str, endpoint: str, content: bytes, query: dict[str, str]) -> Json:
        """Searches and looks fail each alone, and a write makes the index, of whatever fields it has."""
        error = _error("index_not_found_exception")
        if endpoint == "_mget":
            return {"docs": [{"_index": name, "_id": one, "error": error} for one in json.loads(content)["ids"]]}
        if endpoint == "_msearch":
            return {"took": 1, "responses": [{"error": error, "status": 404} for _ in _lines(content)[1::2]]}
        if endpoint != "_bulk":
            raise Declined(404, "index_not_found_exception")
        self.index = Index(name, {})
        return self._bulk(self.index, content, query)

    def _create(self, name: str, body: Json) -> Json:
        if self.index is not None:
            raise Declined(400, "resource_already_exists_exception")
        if body.keys() - {"settings", "mappings"} or body["settings"]["index"].get("knn") is not True:
            raise Declined(400, "illegal_argument_exception")
        self.index = Index(name, body["mappings"]["properties"])
        return {"acknowledged": True, "shards_acknowledged": True, "index": name}

    def _bulk(self, index: Index, content: bytes, query: dict[str, str]) -> Json:
        if query.get("refresh", "false") not in {"true", "false", "wait_for"}:
            raise Declined(400, "illegal_argument_exception")
        lines = iter(_lines(content))
        items = []
        for action in lines:
            [(operation, meta)] = action.items()
            if operation not in {"index", "create", "delete"}:
                raise Declined(400, "illegal_argument_exception")
            items.append({operation: index.write(operation, meta, None if operation == "delete" else next(lines))})
        if query.get("refresh", "false") != "false":
            index.refresh()
        return {"took": 1, "errors": any(one["status"] >= 300 for item in items for one in item.values()),
                "items": items}  # fmt: skip

    def _msearch(self, index: Index, content: bytes, query: dict[str, str]) -> Json:
        lines = _lines(content)
        if not lines or len(lines) % 2 or any(header for header in lines[::2]):
            raise Declined(400, "action_request_validation_exception")
        return {"took": 1, "responses": [_search(index, body) for body in lines[1::2]]}

    def _mget(self, index: Index, content: bytes, query: dict[str, str]) -> Json:
        wanted, names = query.get("_source", "").split(","), json.loads(content)["ids"]
        if not names:
            raise Declined(400, "action_request_validation_exception")
        return {"docs": [{"_index": index.name, **_got(index.live.get(name), name, wanted)} for name in names]}

    def _delete_by_query(self, index: Index, content: bytes, query: dict[str, str]) -> Json:
        if query.get("refresh", "false") not in {"true", "false"} or query.get("conflicts", "abort") != "proceed":
            raise Declined(400, "illegal_argument_exception")
        conflicts = deleted = 0
        for name, record in matching(index, json.loads(content)["query"]).items():
            # It deletes what the search saw; what changed since is a conflict.
            if index.live.get(name) is not record:
                conflicts += 1
                continue
            del index.live[name]
            deleted += 1
        if query.get("refresh") == "true":
            index.refresh()
        return {"took": 1, "timed_out": False, "total": deleted + conflicts, "deleted": deleted,
                "version_conflicts": conflicts, "failures": []}  # fmt: skip


def _lines(content: bytes) -> list[Json]:
    if not content.endswith(b"\n"):
        raise Declined(400, "illegal_argument_exception")
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


def _search(index: Index, body: Json) -> Json:
    """As in a real one, a search that the shards decline fails alone, and one that cannot be read fails them all."""
    try:
        return {"took": 1, "timed_out": False, "_shards": {"total": 3, "successful": 3, "skipped": 0, "failed": 0},
                "status": 200, **run(index, body)}  # fmt: skip
    except Malformed:
        raise
    except Declined as declined:
        return {"error": _error(declined.kind, "search_phase_execution_exception"), "status": declined.status}


def _got(record: Record | None, name: str, wanted: list[str]) -> Json:
    if record is None:
        return {"_id": name, "found": False}
    source = {key: value for key, value in record.source.items() if key in wanted}
    return {"_id": name, "found": True, "_version": 1, "_seq_no": record.seq_no, "_primary_term": 1,
            "_source": source}  # fmt: skip
