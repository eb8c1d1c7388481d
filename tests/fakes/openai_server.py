"""A scripted OpenAI-compatible server on the loopback that fails as real ones do.

with ScriptedOpenAI([rate_limited(retry_after=0), says("hello")]) as server:
    ...  # base_url=server.base_url; server.requests holds what came in

Where a request asks for a stream, `says` streams. Requests that a real server would decline are declined.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Step = Callable[[dict[str, Any]], Awaitable[Response]]


def _words_in(request: dict[str, Any]) -> int:
    return sum(len(one["content"].split()) for one in request["messages"])


def says(
    content: str, *, finish_reason: str = "stop", refusal: str | None = None, usage: bool = True, seconds: float = 0.0
) -> Step:
    """Answers with this text after `seconds`, as OpenAI's chat completions do, in one piece or as a stream."""

    async def step(request: dict[str, Any]) -> Response:
        await asyncio.sleep(seconds)
        if request.get("stream"):
            return _stream(_events(request, content.split(" "), finish_reason, refusal))
        message = {"role": "assistant", "content": None if refusal else content, "refusal": refusal}
        words, said = _words_in(request), len(content.split())
        body = {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": f"{request['model']}-2026-01-01",
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        }
        counts = {"prompt_tokens": words, "completion_tokens": said, "total_tokens": words + said}
        return JSONResponse(body | ({"usage": counts} if usage else {}))

    return step


def echoes(answer: Callable[[str], str]) -> Step:
    """Answers with what `answer` makes of the last message, as a model would that copies from it."""

    async def step(request: dict[str, Any]) -> Response:
        return await says(answer(request["messages"][-1]["content"]))(request)

    return step


def says_json(content: object) -> Step:
    """Answers with this object as JSON text."""
    return says(json.dumps(content))


def cites(*citations: dict[str, Any], text: str = "It is so.") -> Step:
    """Answers with one sentence that has these citations, right or wrong."""
    return says_json({"sentences": [{"text": text, "citations": list(citations)}], "unanswered": []})


def refuses() -> Step:
    """Declines, as structured outputs do for unsafe requests."""
    return says("", refusal="I cannot help with that.")


def breaks_off(*pieces: str, usage: bool = False) -> Step:
    """Begins a stream with these pieces and ends it without a finish reason, as a crashing server does."""

    async def step(request: dict[str, Any]) -> Response:
        return _stream(_events(request, pieces, None, None, usage=usage))

    return step


def stalls(*pieces: str) -> Step:
    """Begins a stream with these pieces and then sends nothing for a minute."""

    async def step(request: dict[str, Any]) -> Response:
        return _stream(_events(request, pieces, None, None, silence_seconds=60.0))

    return step


def babbles(times: int) -> Step:
    """Streams as many events without text, as a server does that keeps a connection open."""

    async def step(request: dict[str, Any]) -> Response:
        return _stream(_events(request, [""] * times, "stop", None))

    return step


def rate_limited(retry_after: float | str | None = None) -> Step:
    """429, with `Retry-After` in seconds or as a date where given."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return _fails(429, "rate_limit_exceeded", headers)


def broken(status: int = 500) -> Step:
    """An error status with OpenAI's error body."""
    return _fails(status, "server_error", {})


def hangs() -> Step:
    """Takes the request and does not answer for a minute."""

    async def step(_: dict[str, Any]) -> Response:
        await asyncio.sleep(60)
        return Response(status_code=204)

    return step


def sends(body: bytes, media_type: str = "application/json") -> Step:
    """200 with this body, whatever it is: cut-off JSON, a proxy's HTML page, another shape of object."""

    async def step(_: dict[str, Any]) -> Response:
        return Response(body, media_type=media_type)

    return step


def _fails(status: int, code: str, headers: dict[str, str]) -> Step:
    async def step(_: dict[str, Any]) -> Response:
        return _error(status, code, headers)

    return step


def _error(status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    body = {"error": {"message": "scripted", "type": code, "param": None, "code": code}}
    return JSONResponse(body, status, headers)


def _stream(events: AsyncIterator[str]) -> Response:
    return StreamingResponse(events, media_type="text/event-stream")


async def _events(
    request: dict[str, Any],
    pieces: Sequence[str],
    finish_reason: str | None,
    refusal: str | None,
    *,
    usage: bool = True,
    silence_seconds: float = 0.0,
) -> AsyncIterator[str]:
    """Server-sent events in the order in which OpenAI sends them: role, pieces, end, usage, `[DONE]`."""

    def event(choices: list[dict[str, Any]], **more: Any) -> str:
        body = {
            "id": "chatcmpl-scripted",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": f"{request['model']}-2026-01-01",
            "choices": choices,
            **more,
        }
        return f"data: {json.dumps(body)}\n\n"

    def delta(content: dict[str, Any], reason: str | None = None) -> str:
        return event([{"index": 0, "delta": content, "finish_reason": reason}])

    yield delta({"role": "assistant", "content": ""})
    if refusal:
        yield delta({"refusal": refusal})
    for number, piece in enumerate([] if refusal else pieces):
        yield delta({"content": piece if number == 0 or not piece else f" {piece}"})
    await asyncio.sleep(silence_seconds)
    if finish_reason is None:
        return
    yield delta({}, finish_reason)
    if usage and (request.get("stream_options") or {}).get("include_usage"):
        words, said = _words_in(request), len(pieces)
        yield event([], usage={"prompt_tokens": words, "completion_tokens": said, "total_tokens": words + said})
    yield "data: [DONE]\n\n"


@dataclass
class ScriptedOpenAI:
    """Plays the steps in turn, one for each request; the last one is repeated.

    `at_once_max` is how many requests were in work at the same time at most.
    """

    steps: Sequence[Step] = ()
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    base_url: str = ""
    at_once_max: int = 0
    _in_work: set[int] = field(default_factory=set)

    def play(self, *steps: Step) -> None:
        """Starts over with this script."""
        self.steps = steps
        self.requests.clear()
        self.headers.clear()
        self.at_once_max = 0
        # Requests of the script before may hang still.
        self._in_work = set()

    def __enter__(self) -> Self:
        """Listens on a free port of the loopback."""
        app = Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=0
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the scripted server did not start")
            time.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops listening, and breaks off what hangs."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        if declined := _declined(body, request.headers):
            return declined
        step = self.steps[min(len(self.requests), len(self.steps) - 1)]
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        in_work, number = self._in_work, len(self.requests)
        in_work.add(number)
        self.at_once_max = max(self.at_once_max, len(self._in_work))
        try:
            return await step(body)
        finally:
            in_work.discard(number)


def _declined(body: dict[str, Any], headers: Any) -> Response | None:
    """What a real server says to a request that is none."""
    if not headers.get("authorization", "").startswith("Bearer "):
        return _error(401, "invalid_api_key")
    messages = body.get("messages")
    whole = isinstance(messages, list) and all(
        isinstance(one, dict)
        and one.get("role") in {"system", "user", "assistant"}
        and isinstance(one.get("content"), str)
        for one in messages
    )
    if not body.get("model") or not messages or not whole or not messages[-1]["content"]:
        return _error(400, "invalid_request_error")
    return None
