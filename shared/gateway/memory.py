"""What a gateway keeps between requests: in Redis for services, in the process for tools that run alone."""

from dataclasses import dataclass, field

from redis.asyncio import Redis

from shared.gateway.budgets import Ledger, ProcessLedger, RedisLedger
from shared.gateway.rates import ProcessRates, Rates, RedisRates
from shared.gateway.responses import ProcessResponses, RedisResponses, Responses

PAID_ONCE_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Responses, budgets and rates. A request that comes again within `paid_once_seconds` gets the same response."""

    responses: Responses
    ledger: Ledger
    rates: Rates
    paid_once_seconds: int = PAID_ONCE_SECONDS


@dataclass(frozen=True, kw_only=True)
class ProcessMemory(Memory):
    """All of it in this process; nothing outlives it."""

    responses: Responses = field(default_factory=ProcessResponses)
    ledger: Ledger = field(default_factory=ProcessLedger)
    rates: Rates = field(default_factory=ProcessRates)


def redis_memory(redis: Redis, paid_once_seconds: int = PAID_ONCE_SECONDS) -> Memory:
    """All of it in Redis, shared by every process that uses the same server."""
    return Memory(
        responses=RedisResponses(redis),
        ledger=RedisLedger(redis),
        rates=RedisRates(redis),
        paid_once_seconds=paid_once_seconds,
    )
