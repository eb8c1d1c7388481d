"""An OpenAI-compatible server that takes a fixed time and says a fixed thing.

`python -m infra.bench.model_server PORT DELAY_MS`; PORT on the loopback.
"""

import asyncio
import sys
import time

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ANSWER = "You can go back to an earlier release at once; the database is not touched. " * 4


def application(delay_seconds: float) -> Starlette:
    """The server's routes; every completion comes after `delay_seconds`."""

    async def complete(request: Request) -> Response:
        asked = orjson.loads(await request.body())
        await asyncio.sleep(delay_seconds)
        body = {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": ANSWER, "refusal": None},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 900, "completion_tokens": 70, "total_tokens": 970},
        }
        return Response(orjson.dumps(body), media_type="application/json")

    async def ready(_: Request) -> Response:
        return Response()

    return Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"]), Route("/ready", ready)])


def main(port: int, delay_ms: float) -> None:
    """Serves until SIGTERM."""
    uvicorn.run(application(delay_ms / 1000), host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
