"""A small helpdesk that records the answers it gets: where the demo and the tests deliver to.

It keeps whatever is posted, twice if it is posted twice, so that a duplicate would show. It speaks the generic
interface and the part of Zendesk's that Handrail uses. `POST /faults {"next": [503, "hang", "drop"]}` makes the next
replies fail: a status is answered without keeping the reply; `drop` keeps the reply and then breaks the connection;
`hang` keeps it and answers after the client has given up.
"""

import asyncio
import itertools
import os
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response

REPLIES_MAX = 100_000
HANG_SECONDS = 60.0


class Helpdesk:
    """Replies by ticket, in memory and appended to a file."""

    def __init__(self, journal: Path | None = None) -> None:
        self.replies: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.faults: deque[int | str] = deque(maxlen=1000)
        self._numbers = itertools.count(1)
        self._journal = journal
        if journal is not None and journal.exists():
            # A helpdesk remembers what it was sent; a restart must not hide a duplicate.
            for line in journal.read_bytes().splitlines()[-REPLIES_MAX:]:
                reply = orjson.loads(line)
                self.replies[reply["ticket_id"]].append(reply)

    def keep(self, ticket_id: str, body: str, case_id: str) -> dict[str, Any]:
        """Records one reply and returns it with its number."""
        if sum(map(len, self.replies.values())) >= REPLIES_MAX:
            raise HTTPException(507, "this helpdesk is full")
        number = next(self._numbers)
        reply = {"id": f"r{os.getpid()}-{number}", "ticket_id": ticket_id, "body": body, "case_id": case_id}
        self.replies[ticket_id].append(reply)
        if self._journal is not None:
            with self._journal.open("ab") as file:
                file.write(orjson.dumps(reply) + b"\n")
        return reply

    async def misbehave(self, kept: bool) -> Response | None:
        """The next fault, where one is due at this point: before (`kept` false) or after the reply was kept."""
        if not self.faults or isinstance(self.faults[0], int) == kept:
            return None
        fault = self.faults.popleft()
        if isinstance(fault, int):
            return JSONResponse({"error": "told to fail"}, fault, {"Retry-After": "1"} if fault == 429 else {})
        if fault == "hang":
            await asyncio.sleep(HANG_SECONDS)
        raise ConnectionResetError("told to drop the connection")


def build_app(helpdesk: Helpdesk) -> FastAPI:
    """The helpdesk over HTTP."""

    app = FastAPI(title="Fake helpdesk")
    _add_zendesk(app, helpdesk)

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/faults", status_code=204)
    async def faults(request: Request) -> None:
        helpdesk.faults.extend((await request.json())["next"])

    @app.get("/replies")
    async def all_replies() -> dict[str, Any]:
        return {"replies": [reply for replies in helpdesk.replies.values() for reply in replies]}

    @app.post("/tickets/{ticket_id:path}/replies", status_code=201)
    async def reply(ticket_id: str, request: Request) -> Any:
        content = await request.json()
        if (fault := await helpdesk.misbehave(kept=False)) is not None:
            return fault
        kept = helpdesk.keep(ticket_id, content["body"], content["case_id"])
        return await helpdesk.misbehave(kept=True) or kept

    @app.get("/tickets/{ticket_id:path}/replies")
    async def replies(ticket_id: str) -> dict[str, Any]:
        return {"replies": helpdesk.replies[ticket_id]}

    return app


def _add_zendesk(app: FastAPI, helpdesk: Helpdesk) -> None:
    @app.put("/api/v2/tickets/{ticket_id}")
    async def zendesk_update(ticket_id: str, request: Request) -> Any:
        ticket = (await request.json())["ticket"]
        if (fault := await helpdesk.misbehave(kept=False)) is not None:
            return fault
        kept = helpdesk.keep(ticket_id, ticket["comment"]["body"], ticket["metadata"]["handrail_case_id"])
        return await helpdesk.misbehave(kept=True) or {"ticket": {"id": ticket_id}, "audit": {"id": kept["id"]}}

    @app.get("/api/v2/tickets/{ticket_id}/audits")
    async def zendesk_audits(ticket_id: str) -> dict[str, Any]:
        audits = [
            {"id": kept["id"], "metadata": {"custom": {"handrail_case_id": kept["case_id"]}}}
            for kept in reversed(helpdesk.replies[ticket_id])
        ]
        return {"audits": audits}


def main() -> None:
    """Runs the helpdesk on `HANDRAIL_HTTP_PORT`."""
    home = Path(os.environ.get("HANDRAIL_HOME", "var"))
    home.mkdir(parents=True, exist_ok=True)
    app = build_app(Helpdesk(home / "helpdesk.jsonl"))
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["HANDRAIL_HTTP_PORT"]), log_level="error")


if __name__ == "__main__":
    main()
