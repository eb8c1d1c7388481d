"""The gateway on a real Redis: hard budgets, shared rates, paid once over processes, and what happens without it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from shared.gateway import Gateway, Memory, ModelUnavailable, Prompt, redis_memory
from shared.gateway.budgets import LedgerUnreachable
from tests.fakes.openai_server import ScriptedOpenAI, broken, hangs, says
from tests.parts.gateway.test_gateway import one_model
from tests.suites.gateway_memory import GatewayMemorySuite

pytestmark = pytest.mark.real

PROMPT = Prompt(name="test", version="v1", system="Be brief.", user="A question")


@pytest.fixture
async def redis(servers: dict[str, str]) -> AsyncIterator[Redis]:
    client = Redis.from_url(servers["HANDRAIL_REDIS_URL"])
    yield client
    await client.aclose()


@pytest.fixture
def memory(redis: Redis) -> Memory:
    return redis_memory(redis)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedOpenAI]:
    with ScriptedOpenAI() as running:
        yield running


class TestRedisMemory(GatewayMemorySuite):
    """The same behaviour as the memory of a process."""


async def test_two_gateways_at_once_spend_no_more_than_the_budget(server: ScriptedOpenAI, redis: Redis) -> None:
    server.play(says("one two", seconds=0.3))
    # Each response costs 2 x 100 USD; in the worst case, which is reserved, 10 x 100.
    tiers = one_model(
        server.base_url, attempts_max=1, output_tokens_max=10, input_usd_per_million=0, output_usd_per_million=1e8
    )
    limited = tiers.model_copy(update={"default": tiers.default.model_copy(update={"usd_per_day": 5_000.0})})
    gateways = [Gateway(limited, redis_memory(redis)) for _ in range(2)]
    tenant = uuid4().hex

    async def ask(number: int) -> bool:
        try:
            await gateways[number % 2].complete(PROMPT, request_id=uuid4().hex, tenant=tenant)
        except ModelUnavailable as error:
            return "budget" not in str(error)
        return True

    served = [await asyncio.gather(*(ask(number) for number in range(20))) for _ in range(4)]

    # Of the first twenty not all fit, since each reserves its worst case; what they did not cost is spent later.
    assert 5 <= sum(served[0]) < 20
    assert sum(map(sum, served)) == len(server.requests) <= 25
    assert await gateways[0].spent_usd(tenant) == 200.0 * len(server.requests) <= 5_000.0
    for gateway in gateways:
        await gateway.close()


async def test_a_call_that_may_have_been_paid_stays_reserved_and_a_declined_one_does_not(
    server: ScriptedOpenAI, redis: Redis
) -> None:
    tiers = one_model(server.base_url, attempts_max=1, timeout_seconds=0.2)
    gateway, tenant = Gateway(tiers, redis_memory(redis)), uuid4().hex
    server.play(broken(500))
    with pytest.raises(ModelUnavailable):
        await gateway.complete(PROMPT, request_id=uuid4().hex, tenant=tenant)
    assert await gateway.spent_usd(tenant) == 0.0

    server.play(hangs())
    with pytest.raises(ModelUnavailable) as caught:
        await gateway.complete(PROMPT, request_id=uuid4().hex, tenant=tenant)
    assert await gateway.spent_usd(tenant) == pytest.approx(caught.value.cost_usd)
    assert caught.value.cost_usd > 1200 * 10 / 1e6
    await gateway.close()


async def test_without_redis_nothing_is_paid(server: ScriptedOpenAI) -> None:
    server.play(says("never"))
    gone = Redis.from_url("redis://127.0.0.1:9/0", socket_connect_timeout=1.0)
    gateway = Gateway(one_model(server.base_url), redis_memory(gone))

    with pytest.raises(ModelUnavailable, match="ledger is unreachable"):
        await gateway.complete(PROMPT, request_id="e1", tenant="acme")
    with pytest.raises(LedgerUnreachable):
        await gateway.spent_usd("acme")
    assert server.requests == []
    await gateway.close()


async def test_a_request_that_comes_again_in_another_process_waits_and_pays_nothing(
    server: ScriptedOpenAI, redis: Redis
) -> None:
    server.play(says("first", seconds=0.3), says("second"))
    gateways = [Gateway(one_model(server.base_url), redis_memory(redis)) for _ in range(2)]
    request_id = uuid4().hex

    one, other = await asyncio.gather(*(gateway.complete(PROMPT, request_id=request_id) for gateway in gateways))

    assert one == other
    assert one.text == "first"
    assert len(server.requests) == 1
    for gateway in gateways:
        await gateway.close()
