"""A scripted OpenAI-compatible server on the loopback that fails as real ones do.

with ScriptedOpenAI([rate_limited(retry_after=0), says("hello")]) as server:
    ...  # base_url=server.base_url; server.requests holds what came in
"""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Step = Callable[[dict[str, Any]], Awaitable[Response]]


def says(content: str, *, finish_reason: str = "stop", refusal: str | None = None) -> Step:
    """Answers with this text, as OpenAI's chat completions do."""

    async def step(request: dict[str, Any]) -> Response:
        message = {"role": "assistant", "content": None if refusal else content, "refusal": refusal}
        words = sum(len(one["content"].split()) for one in request["messages"])
        return JSONResponse(
            {
                "id": "chatcmpl-scripted",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": f"{request['model']}-2026-01-01",
                "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
                "usage": {
                    "prompt_tokens": words,
                    "completion_tokens": len(content.split()),
                    "total_tokens": words + len(content.split()),
                },
            }
        )

    return step


def says_json(content: object) -> Step:
    """Answers with this object as JSON text."""
    return says(json.dumps(content))


def refuses() -> Step:
    """Declines, as structured outputs do for unsafe requests."""
    return says("", refusal="I cannot help with that.")


def rate_limited(retry_after: float | None = None) -> Step:
    """429, with `Retry-After` in seconds where given."""
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
        body = {"error": {"message": "scripted", "type": code, "param": None, "code": code}}
        return JSONResponse(body, status, headers)

    return step


@dataclass
class ScriptedOpenAI:
    """Plays the steps in turn, one for each request; the last one is repeated."""

    steps: Sequence[Step] = ()
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    base_url: str = ""

    def play(self, *steps: Step) -> None:
        """Starts over with this script."""
        self.steps = steps
        self.requests.clear()
        self.headers.clear()

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
        step = self.steps[min(len(self.requests), len(self.steps) - 1)]
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        return await step(body)
