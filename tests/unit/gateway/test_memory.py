"""The memory of a process behaves as the shared one; what it forgets, it forgets by its clock."""

import pytest

from shared.gateway.budgets import BudgetSpent, ProcessLedger
from shared.gateway.memory import Memory, ProcessMemory
from shared.gateway.rates import Bucket, ProcessRates
from shared.gateway.responses import ProcessResponses
from tests.fakes.clock import FixedClock
from tests.suites.gateway_memory import GatewayMemorySuite
from tests.unit.gateway.test_health import Hands


class TestProcessMemory(GatewayMemorySuite):
    @pytest.fixture
    def memory(self) -> Memory:
        return ProcessMemory()


async def test_a_new_day_has_a_new_budget_and_late_settlements_go_to_their_own() -> None:
    clock = FixedClock()
    ledger = ProcessLedger(clock)
    late = await ledger.reserve("acme", 1.0, 1.0)
    with pytest.raises(BudgetSpent):
        await ledger.reserve("acme", 0.1, 1.0)
    clock.advance(86_400)
    await ledger.reserve("acme", 0.4, 1.0)
    await ledger.settle(late, 5.0)

    assert await ledger.spent_usd("acme") == pytest.approx(0.4)


async def test_no_minute_sees_much_more_than_the_rate_allows() -> None:
    hands = Hands()
    rates = ProcessRates(hands)
    passed = 0
    for _ in range(600):
        passed += await rates.take([Bucket("b", cost=1, per_minute=60)]) == 0.0
        hands.at += 0.1

    assert 60 <= passed <= 65


async def test_after_the_wait_it_passes() -> None:
    hands = Hands()
    rates = ProcessRates(hands)
    bucket = Bucket("b", cost=1_000, per_minute=6_000)
    assert await rates.take([bucket]) == 0.0
    hands.at += await rates.take([bucket])

    assert await rates.take([bucket]) == 0.0


async def test_claims_and_responses_run_out() -> None:
    hands = Hands()
    responses = ProcessResponses(hands)
    await responses.claim("k", 5.0)
    await responses.put("k", b"said", 10)
    hands.at += 6
    assert await responses.claim("k", 5.0)
    assert await responses.get("k") == b"said"
    hands.at += 5

    assert await responses.get("k") is None


async def test_a_process_keeps_no_more_than_so_many_responses() -> None:
    responses = ProcessResponses()
    for number in range(10_002):
        await responses.put(str(number), b"", 60)

    assert await responses.get("0") is None
    assert await responses.get("10001") == b""
