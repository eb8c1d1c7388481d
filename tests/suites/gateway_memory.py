"""What every memory of the gateway does: budgets hold, rates are shared out, responses are claimed and kept."""

import asyncio
from uuid import uuid4

import pytest

from shared.gateway.budgets import BudgetSpent, Ledger
from shared.gateway.memory import Memory
from shared.gateway.rates import BURST_SECONDS, Bucket


async def reserved(ledger: Ledger, account: str, usd: float, limit_usd: float) -> bool:
    try:
        await ledger.reserve(account, usd, limit_usd)
    except BudgetSpent:
        return False
    return True


class GatewayMemorySuite:
    """Inherit and provide the fixture `memory`."""

    async def test_calls_at_once_cannot_overspend_together(self, memory: Memory) -> None:
        account = uuid4().hex
        granted = await asyncio.gather(*(reserved(memory.ledger, account, 0.03, 1.0) for _ in range(100)))

        assert sum(granted) == 33
        assert await memory.ledger.spent_usd(account) == pytest.approx(0.99)

    async def test_what_a_call_did_not_cost_can_be_spent_again(self, memory: Memory) -> None:
        account = uuid4().hex
        reservation = await memory.ledger.reserve(account, 0.9, 1.0)
        assert not await reserved(memory.ledger, account, 0.2, 1.0)
        await memory.ledger.settle(reservation, 0.000001)

        assert await reserved(memory.ledger, account, 0.2, 1.0)
        assert await memory.ledger.spent_usd(account) == pytest.approx(0.200001)

    async def test_a_call_that_cost_more_than_foreseen_counts_in_full(self, memory: Memory) -> None:
        account = uuid4().hex
        await memory.ledger.settle(await memory.ledger.reserve(account, 0.1, 1.0), 1.5)

        assert await memory.ledger.spent_usd(account) == pytest.approx(1.5)
        assert not await reserved(memory.ledger, account, 0.000000001, 1.0)

    async def test_accounts_have_budgets_of_their_own(self, memory: Memory) -> None:
        one, other = uuid4().hex, uuid4().hex
        assert await reserved(memory.ledger, one, 1.0, 1.0)

        assert await reserved(memory.ledger, other, 1.0, 1.0)
        assert not await reserved(memory.ledger, one, 0.01, 1.0)

    async def test_no_budget_pays_nothing(self, memory: Memory) -> None:
        assert not await reserved(memory.ledger, uuid4().hex, 0.01, 0.0)

    async def test_a_rate_lets_a_burst_pass_and_then_says_how_long_to_wait(self, memory: Memory) -> None:
        bucket = Bucket(uuid4().hex, cost=1, per_minute=12)
        assert await memory.rates.take([bucket]) == 0.0
        assert 0.0 < await memory.rates.take([bucket]) <= BURST_SECONDS

    async def test_of_several_rates_all_are_taken_or_none(self, memory: Memory) -> None:
        requests = Bucket(uuid4().hex, cost=1, per_minute=600)
        tokens = Bucket(uuid4().hex, cost=90_000, per_minute=60_000)
        assert await memory.rates.take([requests, tokens]) == 0.0
        for _ in range(100):
            assert await memory.rates.take([requests, tokens]) > 0.0

        assert await memory.rates.take([requests]) == 0.0

    async def test_requests_at_once_share_a_rate(self, memory: Memory) -> None:
        bucket = Bucket(uuid4().hex, cost=1, per_minute=24)
        waits = await asyncio.gather(*(memory.rates.take([bucket]) for _ in range(50)))

        assert waits.count(0.0) == 2

    async def test_a_response_is_kept(self, memory: Memory) -> None:
        key = uuid4().hex
        assert await memory.responses.get(key) is None
        await memory.responses.put(key, b"said", 60)

        assert await memory.responses.get(key) == b"said"

    async def test_one_of_many_may_ask(self, memory: Memory) -> None:
        key = uuid4().hex
        claims = await asyncio.gather(*(memory.responses.claim(key, 60.0) for _ in range(20)))
        assert sum(claims) == 1
        await memory.responses.release(key)

        assert await memory.responses.claim(key, 60.0)
