"""Streams: pieces as they come, whole or an error, bounded, with personal data put back over the seams."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from shared.gateway import (
    Gateway,
    ModelUnavailable,
    Needs,
    Piece,
    ProcessMemory,
    Prompt,
    Provider,
    Tier,
    patience,
    single,
)
from shared.gateway import provider as provider_module
from tests.fakes.openai_server import (
    ScriptedOpenAI,
    Step,
    babbles,
    breaks_off,
    broken,
    echoes,
    rate_limited,
    refuses,
    says,
    sends,
    stalls,
)

PROMPT = Prompt(name="test", version="v1", system="Be brief.", user="Write to jane.roe@example.com")
LONG = "word " * 60


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.001)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedOpenAI]:
    with ScriptedOpenAI() as running:
        yield running


async def streamed(
    server: ScriptedOpenAI, *steps: Step, needs: Needs | None = None, memory: ProcessMemory | None = None, **fields: Any
) -> list[Piece]:
    server.play(*steps)
    provider = Provider(base_url=server.base_url, api_key=SecretStr("sk-test"))
    values = {"timeout_seconds": 5.0, "output_usd_per_million": 1e4, "latency_seconds": 0.1, **fields}
    tiers = single(provider, Tier(provider="", model="small", **values), usd_per_day=1e3)
    gateway = Gateway(tiers, memory or ProcessMemory())
    try:
        return [piece async for piece in gateway.stream(PROMPT, tenant="acme", needs=needs or Needs())]
    finally:
        await gateway.close()


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


async def test_pieces_make_the_whole_and_the_last_one_has_the_bill(server: ScriptedOpenAI) -> None:
    memory = ProcessMemory()
    pieces = await streamed(server, says(LONG.strip()), memory=memory)

    completion = pieces[-1].completion
    assert completion is not None
    assert len(pieces) > 10
    assert text_of(pieces) == completion.text == LONG.strip()
    assert completion.output_tokens == 60
    assert completion.cost_usd == pytest.approx(0.6)
    assert await memory.ledger.spent_usd("acme") == pytest.approx(0.6)


async def test_personal_data_is_put_back_although_it_came_in_pieces(server: ScriptedOpenAI) -> None:
    answer = f"{LONG}Ask [email 1] or EMAIL_1 {LONG}".strip()
    pieces = await streamed(server, echoes(lambda sent: answer))
    server_saw = str(server.requests)

    assert "jane.roe" not in server_saw
    assert text_of(pieces) == f"{LONG}Ask jane.roe@example.com or jane.roe@example.com {LONG}".strip()
    assert pieces[-1].completion is not None
    assert pieces[-1].completion.text == text_of(pieces)


async def test_what_has_not_begun_is_tried_again(server: ScriptedOpenAI) -> None:
    pieces = await streamed(server, rate_limited(retry_after=0), broken(502), says("at last"))

    assert text_of(pieces) == "at last"
    assert len(server.requests) == 3


HALF: dict[str, Step] = {
    "breaks off": breaks_off(*LONG.split()),
    "stalls": stalls(*LONG.split()),
    "no events at all": sends(b"", "text/event-stream"),
    "a proxy's page": sends(b"<html>", "text/html"),
    "broken events": sends(b"data: {\n\n", "text/event-stream"),
    "events of another shape": sends(b'data: {"choices": [7], "id": "x", "model": "m"}\n\n', "text/event-stream"),
    "an error among the events": sends(b'data: {"error": {"message": "overloaded"}}\n\n', "text/event-stream"),
}


@pytest.mark.parametrize("fault", HALF)
async def test_half_a_stream_is_no_answer(server: ScriptedOpenAI, fault: str) -> None:
    with pytest.raises(ModelUnavailable):
        await streamed(server, HALF[fault], timeout_seconds=0.4, attempts_max=1)


async def test_a_stream_ends_at_the_deadline(server: ScriptedOpenAI) -> None:
    with pytest.raises(ModelUnavailable, match="TimeoutError"):
        await streamed(server, stalls("x"), needs=Needs(deadline_seconds=0.3), attempts_max=1)


async def test_a_stream_that_has_no_end_is_cut(server: ScriptedOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "_EVENTS_MAX", 50)
    with pytest.raises(ModelUnavailable, match="the stream has no end"):
        await streamed(server, babbles(500), attempts_max=1)

    monkeypatch.setattr(provider_module, "RESPONSE_CHARACTERS_MAX", 100)
    with pytest.raises(ModelUnavailable, match="the stream has no end"):
        await streamed(server, says("x" * 500), attempts_max=1)


async def test_a_refusal_ends_a_stream_as_a_response(server: ScriptedOpenAI) -> None:
    pieces = await streamed(server, refuses())

    assert pieces[-1].completion is not None
    assert pieces[-1].completion.refused


async def test_a_consumer_that_goes_away_leaves_the_worst_case_reserved(server: ScriptedOpenAI) -> None:
    server.play(says(LONG.strip()))
    provider = Provider(base_url=server.base_url, api_key=SecretStr("sk-test"))
    memory = ProcessMemory()
    tier = Tier(provider="", model="small", output_usd_per_million=1e4, output_tokens_max=100)
    gateway = Gateway(single(provider, tier, usd_per_day=1e3), memory)
    pieces = gateway.stream(PROMPT, tenant="acme")
    await anext(pieces)
    await pieces.aclose()
    await gateway.close()

    assert await memory.ledger.spent_usd("acme") == pytest.approx(1.0)
