"""The gateway bounds, accounts and pays once, whatever the server does."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr
from redis.asyncio import Redis

from shared.gateway import (
    Completion,
    Gateway,
    Memory,
    ModelUnavailable,
    ProcessMemory,
    Prompt,
    Provider,
    Tier,
    Tiers,
    patience,
    redis_memory,
    single,
    telemetry,
)
from tests.fakes.openai_server import ScriptedOpenAI, Step, broken, hangs, rate_limited, refuses, says, sends

PROMPT = Prompt(name="test", version="v1", system="Be brief.", user="A very secret question")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.001)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def one_model(base_url: str, **fields: Any) -> Tiers:
    values = {
        "timeout_seconds": 5.0,
        "attempts_max": 3,
        "input_usd_per_million": 2.0,
        "output_usd_per_million": 10.0,
        **fields,
    }
    provider = Provider(base_url=base_url, api_key=SecretStr("sk-test"))
    return single(provider, Tier(provider="", model="small", **values))


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedOpenAI]:
    with ScriptedOpenAI() as running:
        yield running


async def ask(server: ScriptedOpenAI, *steps: Step, memory: Memory | None = None, **fields: Any) -> Completion:
    server.play(*steps)
    gateway = Gateway(one_model(server.base_url, **fields), memory or ProcessMemory())
    try:
        return await gateway.complete(PROMPT, request_id="e1")
    finally:
        await gateway.close()


async def test_a_response_is_counted_and_priced(server: ScriptedOpenAI) -> None:
    completion = await ask(server, says("four words it has"))

    assert completion.text == "four words it has"
    assert completion.model == "small-2026-01-01"
    assert (completion.input_tokens, completion.output_tokens) == (6, 4)
    assert completion.cost_usd == pytest.approx((6 * 2 + 4 * 10) / 1e6)
    assert server.headers[0]["authorization"] == "Bearer sk-test"


PASSING = {
    "rate limit": rate_limited(),
    "rate limit with a wish": rate_limited(retry_after=0),
    "server error": broken(500),
    "bad gateway": broken(502),
}


@pytest.mark.parametrize("fault", PASSING)
async def test_what_passes_is_tried_again(server: ScriptedOpenAI, fault: str) -> None:
    completion = await ask(server, PASSING[fault], PASSING[fault], says("at last"))

    assert completion.text == "at last"
    assert len(server.requests) == 3


LASTING = {
    "server error": ([broken(500)], 3),
    "wrong key": ([broken(401)], 1),
    "bad request": ([broken(400)], 1),
    "more patience than there is": ([rate_limited(retry_after=3600)], 1),
    "a negative wish": ([rate_limited(retry_after=-5)], 1),
    "cut-off JSON": ([sends(b'{"choices": [{"mess')], 1),
    "a proxy's page": ([sends(b"<html>sign in</html>", "text/html")], 1),
    "no choice": ([sends(b'{"id": "x", "choices": []}')], 1),
    "another shape": ([sends(b'{"choices": "none", "usage": {"prompt_tokens": "many"}}')], 1),
    "null": ([sends(b"null")], 1),
}


@pytest.mark.parametrize("fault", LASTING)
async def test_what_lasts_ends_in_one_kind_of_error_after_bounded_tries(server: ScriptedOpenAI, fault: str) -> None:
    steps, tries = LASTING[fault]
    with pytest.raises(ModelUnavailable) as caught:
        await ask(server, *steps)

    assert len(server.requests) == tries
    assert "secret" not in str(caught.value)


async def test_a_server_that_hangs_is_given_up(server: ScriptedOpenAI) -> None:
    with pytest.raises(ModelUnavailable):
        await ask(server, hangs(), timeout_seconds=0.2, attempts_max=2)


async def test_a_server_that_is_not_there_is_given_up() -> None:
    gateway = Gateway(one_model("http://127.0.0.1:9/v1"), ProcessMemory())

    with pytest.raises(ModelUnavailable):
        await gateway.complete(PROMPT, request_id="e1")


async def test_a_refusal_is_a_response_and_is_paid(server: ScriptedOpenAI) -> None:
    completion = await ask(server, refuses())

    assert completion.refused
    assert completion.input_tokens > 0


async def test_the_same_request_is_paid_once(server: ScriptedOpenAI) -> None:
    server.play(says("first"), says("second"))
    gateway = Gateway(one_model(server.base_url), ProcessMemory())
    first = await gateway.complete(PROMPT, request_id="e1")
    again = await gateway.complete(PROMPT, request_id="e1")
    other = await gateway.complete(PROMPT, request_id="e2")
    await gateway.close()

    assert again == first
    assert other.text == "second"
    assert len(server.requests) == 2


async def test_without_its_memory_the_gateway_still_asks_what_costs_nothing(server: ScriptedOpenAI) -> None:
    redis = Redis.from_url("redis://127.0.0.1:9/0", socket_connect_timeout=1.0)

    free = {"input_usd_per_million": 0.0, "output_usd_per_million": 0.0}
    completion = await ask(server, says("here"), memory=redis_memory(redis), **free)

    assert completion.text == "here"


def _told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_the_span_follows_the_conventions_and_holds_no_content(
    server: ScriptedOpenAI, spans: InMemorySpanExporter
) -> None:
    await ask(server, rate_limited(retry_after=0), says("a very private answer"))

    [span] = spans.get_finished_spans()
    assert span.name == "chat small"
    told = _told(span)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.response.model"] == "small-2026-01-01"
    assert told["gen_ai.usage.output_tokens"] == 4
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert told["handrail.gateway.attempts"] == 2
    assert "secret" not in str(told)
    assert "private" not in str(told)


async def test_the_span_of_a_failure_says_so(server: ScriptedOpenAI, spans: InMemorySpanExporter) -> None:
    with pytest.raises(ModelUnavailable):
        await ask(server, broken(500))

    [span] = spans.get_finished_spans()
    assert _told(span)["error.type"] == "InternalServerError"
    assert not span.status.is_ok
