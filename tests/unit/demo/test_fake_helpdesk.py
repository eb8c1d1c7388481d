"""The demo's helpdesk shows a duplicate, remembers over a restart, and fails when it is told to."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from infra.demo.fake_helpdesk import Helpdesk, build_app

REPLY = {"body": "Use port 6432.", "case_id": "c1"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(Helpdesk(tmp_path / "helpdesk.jsonl"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk") as client:
        yield client


async def replies(client: httpx.AsyncClient) -> list[str]:
    return [reply["case_id"] for reply in (await client.get("/replies")).json()["replies"]]


async def test_a_reply_that_is_posted_twice_is_there_twice(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.post("/tickets/42/replies", json=REPLY)).status_code == 201

    assert await replies(client) == ["c1", "c1"]


async def test_zendesks_interface_shows_the_case_in_the_audits_newest_first(client: httpx.AsyncClient) -> None:
    for case_id in ("c1", "c2"):
        body = {"ticket": {"comment": {"body": "b", "public": True}, "metadata": {"handrail_case_id": case_id}}}
        await client.put("/api/v2/tickets/42", json=body)

    audits = (await client.get("/api/v2/tickets/42/audits")).json()["audits"]
    assert [audit["metadata"]["custom"]["handrail_case_id"] for audit in audits] == ["c2", "c1"]


async def test_it_remembers_over_a_restart(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await client.post("/tickets/4%2F2/replies", json=REPLY)

    again = Helpdesk(tmp_path / "helpdesk.jsonl")
    assert [reply["case_id"] for reply in again.replies["4/2"]] == ["c1"]


async def test_a_status_is_answered_without_keeping_the_reply(client: httpx.AsyncClient) -> None:
    await client.post("/faults", json={"next": [503, 429]})
    first, second, third = [await client.post("/tickets/42/replies", json=REPLY) for _ in range(3)]

    assert (first.status_code, second.status_code, third.status_code) == (503, 429, 201)
    assert second.headers["retry-after"] == "1"
    assert await replies(client) == ["c1"]


async def test_a_dropped_connection_has_kept_the_reply(client: httpx.AsyncClient) -> None:
    await client.post("/faults", json={"next": ["drop"]})
    with pytest.raises(ConnectionResetError):
        await client.post("/tickets/42/replies", json=REPLY)

    assert await replies(client) == ["c1"]
