"""Several tiers at several servers: the next one where one fails, hedges, circuits, places, caches, personal data."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from shared.gateway import Allowance, Gateway, ModelUnavailable, Needs, ProcessMemory, Prompt, Provider, Tier, Tiers
from shared.gateway import patience as module
from shared.gateway.health import FAILURES_MAX
from tests.fakes.openai_server import ScriptedOpenAI, broken, echoes, hangs, rate_limited, says, sends

PROMPT = Prompt(name="test", version="v1", system="Be brief.", user="A question")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.001)


@pytest.fixture(scope="module")
def cheap() -> Iterator[ScriptedOpenAI]:
    with ScriptedOpenAI() as running:
        yield running


@pytest.fixture(scope="module")
def dear() -> Iterator[ScriptedOpenAI]:
    with ScriptedOpenAI() as running:
        yield running


def two_tiers(cheap: ScriptedOpenAI, dear: ScriptedOpenAI, **fields: Any) -> Tiers:
    """`cheap` at ten cents a token, `dear` at ten times that; `fields` are of the cheap tier and its provider."""
    of_provider = {key: fields.pop(key) for key in list(fields) if key in Provider.model_fields and key != "data"}
    prices = {"output_usd_per_million": 1e5, "output_tokens_max": 100, "attempts_max": 1, "timeout_seconds": 5.0}
    cheap_tier = {**prices, "acceptance": 0.6, "latency_seconds": 1.0, **fields}
    return Tiers(
        providers={
            "here": Provider(base_url=cheap.base_url, data="local", **of_provider),
            "elsewhere": Provider(base_url=dear.base_url, api_key=SecretStr("sk-test")),
        },
        tiers={
            "cheap": Tier(provider="here", model="cheap", **cheap_tier),
            "dear": Tier(provider="elsewhere", model="dear", **prices | {"output_usd_per_million": 1e6}),
        },
        default=Allowance(usd_per_day=1e6),
    )


async def test_the_next_tier_answers_where_one_cannot(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(broken(503))
    dear.play(says("from the dear one"))
    gateway = Gateway(two_tiers(cheap, dear), ProcessMemory())
    completion = await gateway.complete(PROMPT, request_id="e1")
    await gateway.close()

    assert (completion.text, completion.tier) == ("from the dear one", "dear")
    assert len(cheap.requests) == 1


async def test_a_pinned_tier_is_the_only_one_asked(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(broken(503))
    dear.play(says("x"))
    gateway = Gateway(two_tiers(cheap, dear), ProcessMemory())
    with pytest.raises(ModelUnavailable, match=r"^cheap: InternalServerError 503, attempt 1$"):
        await gateway.complete(PROMPT, request_id="e1", tier="cheap")
    with pytest.raises(ModelUnavailable, match="there is no such tier"):
        await gateway.complete(PROMPT, request_id="e1", tier="another")
    await gateway.close()

    assert dear.requests == []


async def test_a_failing_tier_is_left_alone_after_a_while(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(broken(500))
    dear.play(says("x"))
    gateway = Gateway(two_tiers(cheap, dear), ProcessMemory())
    for number in range(FAILURES_MAX + 5):
        await gateway.complete(PROMPT, request_id=str(number))
    await gateway.close()

    assert len(cheap.requests) == FAILURES_MAX
    assert len(dear.requests) == FAILURES_MAX + 5
    assert gateway.offers(PROMPT).excluded == {"cheap": "its circuit is open"}


async def test_a_server_that_asks_for_rest_gets_it(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(rate_limited(retry_after=120))
    dear.play(says("x"))
    gateway = Gateway(two_tiers(cheap, dear, attempts_max=3), ProcessMemory())
    for number in range(3):
        await gateway.complete(PROMPT, request_id=str(number))
    await gateway.close()

    assert len(cheap.requests) == 1


async def test_a_hedge_answers_where_the_first_request_hangs_and_both_are_paid(
    cheap: ScriptedOpenAI, dear: ScriptedOpenAI
) -> None:
    cheap.play(hangs(), says("one two"))
    gateway = Gateway(two_tiers(cheap, dear, hedge=True, latency_seconds=0.1), ProcessMemory())
    completion = await gateway.complete(PROMPT, request_id="e1", tenant="acme")
    spent = await gateway.spent_usd("acme")
    await gateway.close()

    assert (completion.text, completion.tier, completion.requests) == ("one two", "cheap", 2)
    assert completion.cost_usd == pytest.approx(2 * 2 * 0.1)
    # What the first one cost nobody knows, so that its worst case stays reserved.
    assert spent == pytest.approx(2 * 0.1 + 100 * 0.1)


async def test_a_quick_answer_needs_no_hedge_and_a_failing_hedge_harms_nothing(
    cheap: ScriptedOpenAI, dear: ScriptedOpenAI
) -> None:
    patient = Gateway(two_tiers(cheap, dear, hedge=True, latency_seconds=60.0), ProcessMemory())
    cheap.play(says("quick"))
    quick = await patient.complete(PROMPT, request_id="e1")
    await patient.close()
    assert (quick.requests, len(cheap.requests)) == (1, 1)

    hasty = Gateway(two_tiers(cheap, dear, hedge=True, latency_seconds=0.05), ProcessMemory())
    cheap.play(says("slow", seconds=0.6), broken(500))
    slow = await hasty.complete(PROMPT, request_id="e2")
    await hasty.close()
    assert (slow.text, slow.requests, len(cheap.requests)) == ("slow", 1, 2)


async def test_no_hedge_where_it_is_not_configured(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(says("slow", seconds=0.3), says("hedge"))
    gateway = Gateway(two_tiers(cheap, dear, latency_seconds=0.05), ProcessMemory())
    completion = await gateway.complete(PROMPT, request_id="e1")
    await gateway.close()

    assert (completion.text, len(cheap.requests)) == ("slow", 1)


async def test_a_provider_gets_no_more_requests_at_once_than_it_bears(
    cheap: ScriptedOpenAI, dear: ScriptedOpenAI
) -> None:
    cheap.play(says("x", seconds=0.05))
    gateway = Gateway(two_tiers(cheap, dear, concurrency_max=3), ProcessMemory())
    await asyncio.gather(*(gateway.complete(PROMPT, request_id=str(number)) for number in range(12)))
    await gateway.close()

    assert len(cheap.requests) == 12
    assert cheap.at_once_max == 3


async def test_a_used_up_rate_sends_requests_to_the_next_tier(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(says("x"))
    dear.play(says("x"))
    gateway = Gateway(two_tiers(cheap, dear, requests_per_minute=2), ProcessMemory())
    served = [await gateway.complete(PROMPT, request_id=str(number)) for number in range(3)]
    await gateway.close()

    assert [one.tier for one in served] == ["cheap", "dear", "dear"]


async def test_a_spent_budget_sends_nothing(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(says("x"))
    dear.play(says("x"))
    tiers = two_tiers(cheap, dear).model_copy(update={"tenants": {"poor": Allowance(usd_per_day=9.9)}})
    gateway = Gateway(tiers, ProcessMemory())
    with pytest.raises(ModelUnavailable, match="the budget of the day is spent"):
        await gateway.complete(PROMPT, request_id="e1", tenant="poor")
    await gateway.complete(PROMPT, request_id="e1", tenant="rich")
    await gateway.close()

    assert len(cheap.requests) == 1


async def test_the_deadline_holds_over_all_tiers(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(hangs())
    dear.play(says("x"))
    tiers = two_tiers(cheap, dear, latency_seconds=0.1)
    dear_one = tiers.tiers["dear"].model_copy(update={"latency_seconds": 0.1})
    gateway = Gateway(tiers.model_copy(update={"tiers": tiers.tiers | {"dear": dear_one}}), ProcessMemory())
    with pytest.raises(ModelUnavailable, match=r"cheap: TimeoutError.*; no response within 0\.3 s") as caught:
        await gateway.complete(PROMPT, request_id="e1", needs=Needs(deadline_seconds=0.3))
    assert dear.requests == []
    assert caught.value.cost_usd == pytest.approx(100 * 0.1)
    # The one that gave up left nothing behind that would keep others from asking.
    cheap.play(says("later"))
    assert (await gateway.complete(PROMPT, request_id="e1")).text == "later"
    await gateway.close()


async def test_equal_requests_of_one_tenant_are_paid_once_where_that_is_configured(
    cheap: ScriptedOpenAI, dear: ScriptedOpenAI
) -> None:
    cheap.play(says("first"), says("second"))
    tiers = two_tiers(cheap, dear).model_copy(update={"cache_seconds": 60})
    gateway = Gateway(tiers, ProcessMemory())
    first = await gateway.complete(PROMPT, request_id="e1", tenant="acme")
    equal = await gateway.complete(PROMPT, request_id="e2", tenant="acme")
    of_another = await gateway.complete(PROMPT, request_id="e3", tenant="globex")
    await gateway.close()

    assert (equal.text, equal.cached, equal.cost_usd, equal.requests) == ("first", True, 0.0, 0)
    assert not first.cached
    assert of_another.text == "second"


async def test_responses_that_must_not_be_used_are_not_cached(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(says("cut", finish_reason="length"), says("whole"))
    gateway = Gateway(two_tiers(cheap, dear).model_copy(update={"cache_seconds": 60}), ProcessMemory())
    cut = await gateway.complete(PROMPT, request_id="e1")
    whole = await gateway.complete(PROMPT, request_id="e2")
    await gateway.close()

    assert cut.fault == "the response was cut off"
    assert whole.text == "whole"


PERSONAL = Prompt(
    name="test",
    version="v1",
    system="Copy.",
    user={"body": "Mail\njane.roe@example.com or +49 30 1234567"},
    response_format={"type": "json_object"},
)


async def test_personal_data_stays_here_and_comes_back(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    dear.play(echoes(lambda sent: json.dumps({"copied": json.loads(sent)["body"].lower()})))
    gateway = Gateway(two_tiers(cheap, dear), ProcessMemory())
    completion = await gateway.complete(PERSONAL, request_id="e1", tier="dear")
    await gateway.close()

    sent = json.dumps(dear.requests[0])
    assert "jane.roe" not in sent
    assert "1234567" not in sent
    assert json.loads(completion.text)["copied"] == "mail\njane.roe@example.com or +49 30 1234567"
    assert completion.fault == ""


async def test_a_local_tier_sees_the_text_as_it_is(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(says("x"))
    gateway = Gateway(two_tiers(cheap, dear), ProcessMemory())
    await gateway.complete(PERSONAL, request_id="e1", tier="cheap")
    await gateway.close()

    assert "jane.roe@example.com" in json.dumps(cheap.requests[0])


async def test_a_placeholder_that_the_model_made_up_is_a_fault(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    dear.play(says("Ask [EMAIL_7] for it."))
    gateway = Gateway(two_tiers(cheap, dear), ProcessMemory())
    completion = await gateway.complete(PERSONAL, request_id="e1", tier="dear")
    await gateway.close()

    assert completion.fault == "the response names personal data that nobody gave it"


async def test_what_went_astray_is_on_the_bill_of_the_answer(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    cheap.play(sends(b"<html>paid, but broken</html>", "text/html"))
    dear.play(says("one two"))
    gateway = Gateway(two_tiers(cheap, dear), ProcessMemory())
    completion = await gateway.complete(PROMPT, request_id="e1", tenant="acme")
    spent = await gateway.spent_usd("acme")
    await gateway.close()

    assert completion.cost_usd == pytest.approx(100 * 0.1 + 2 * 1.0)
    assert spent == pytest.approx(completion.cost_usd)


async def test_servers_that_know_no_schemas_are_not_sent_any(cheap: ScriptedOpenAI, dear: ScriptedOpenAI) -> None:
    tiers = two_tiers(
        cheap, dear, structured="none", output_field="max_tokens", parameters={"temperature": 0, "seed": 7}
    )
    cheap.play(says("{}"))
    gateway = Gateway(tiers, ProcessMemory())
    await gateway.complete(PERSONAL, request_id="e1", tier="cheap")
    await gateway.close()

    [sent] = cheap.requests
    assert "response_format" not in sent
    assert (sent["max_tokens"], sent["temperature"], sent["seed"]) == (100, 0, 7)
