"""Budgets per account and day that cannot be overspent: the worst case is reserved before a call, and settled after it.

What a call cost stays unknown where its response never arrived; then the reservation stands. Amounts are whole
nano-dollars, so that sums are exact.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.clock import Clock, now

log = structlog.get_logger(__name__)

_NANO = 1_000_000_000
# A day's sum is kept a day longer than it is added to, for whoever looks at yesterday's.
_KEPT_SECONDS = 2 * 86_400

_RESERVE = """
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
if spent + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return 0 end
redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
_SETTLE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('INCRBY', KEYS[1], ARGV[1])
"""


class BudgetSpent(Exception):
    """The account's budget of the day does not cover the worst case of the call."""


class LedgerUnreachable(Exception):
    """Nobody can say what is left of the budget."""


@dataclass(frozen=True)
class Reservation:
    """An amount that counts as spent on `key` until it is settled."""

    key: str
    nano: int


class Ledger(Protocol):
    """Counts what accounts spend on a day (UTC), and lets none of them spend more than its limit."""

    async def reserve(self, account: str, usd: float, limit_usd: float) -> Reservation:
        """A reservation of `usd`, which counts as spent from now on; concurrent calls cannot pass the limit together.

        Raises:
            BudgetSpent: what was spent and reserved today leaves less than `usd`.
            LedgerUnreachable: the store does not answer.
        """
        ...

    async def settle(self, reservation: Reservation, usd: float) -> None:
        """This function will count `usd` in place of the reservation. Never raises: at worst the reservation stands."""
        ...

    async def spent_usd(self, account: str) -> float:
        """What the account has spent and reserved today.

        Raises:
            LedgerUnreachable: the store does not answer.
        """
        ...


def _key(account: str, at: datetime) -> str:
    return f"handrail:gateway:spent:{at:%Y-%m-%d}:{account}"


def _nano_up(usd: float) -> int:
    """Rounded up: what is reserved may not fall below what is asked for."""
    return math.ceil(usd * _NANO)


class RedisLedger:
    """Sums in Redis, shared by all processes. See `Ledger`."""

    def __init__(self, redis: Redis, clock: Clock = now) -> None:
        self._clock = clock
        self._redis = redis
        self._reserve = redis.register_script(_RESERVE)
        self._settle = redis.register_script(_SETTLE)

    async def reserve(self, account: str, usd: float, limit_usd: float) -> Reservation:
        """See `Ledger.reserve`."""
        asked = Reservation(_key(account, self._clock()), _nano_up(usd))
        try:
            arguments = [asked.nano, math.floor(limit_usd * _NANO), _KEPT_SECONDS]
            granted = await self._reserve(keys=[asked.key], args=arguments)
        except (RedisError, OSError) as error:
            raise LedgerUnreachable(f"the ledger is unreachable ({type(error).__name__})") from error
        if not granted:
            raise BudgetSpent("the budget of the day is spent")
        return asked

    async def settle(self, reservation: Reservation, usd: float) -> None:
        """See `Ledger.settle`."""
        try:
            await self._settle(keys=[reservation.key], args=[_nano_up(usd) - reservation.nano])
        except (RedisError, OSError) as error:
            log.warning("reservation not settled", error_type=type(error).__name__)

    async def spent_usd(self, account: str) -> float:
        """See `Ledger.spent_usd`."""
        try:
            return int(await self._redis.get(_key(account, self._clock())) or 0) / _NANO
        except (RedisError, OSError) as error:
            raise LedgerUnreachable(f"the ledger is unreachable ({type(error).__name__})") from error


class ProcessLedger:
    """Sums in this process only: for tools that run alone, and end. See `Ledger`."""

    def __init__(self, clock: Clock = now) -> None:
        self._clock = clock
        self._spent: dict[str, int] = {}

    async def reserve(self, account: str, usd: float, limit_usd: float) -> Reservation:
        """See `Ledger.reserve`."""
        asked = Reservation(_key(account, self._clock()), _nano_up(usd))
        spent = self._spent.get(asked.key, 0) + asked.nano
        if spent > math.floor(limit_usd * _NANO):
            raise BudgetSpent("the budget of the day is spent")
        self._spent[asked.key] = spent
        return asked

    async def settle(self, reservation: Reservation, usd: float) -> None:
        """See `Ledger.settle`."""
        self._spent[reservation.key] += _nano_up(usd) - reservation.nano

    async def spent_usd(self, account: str) -> float:
        """See `Ledger.spent_usd`."""
        return self._spent.get(_key(account, self._clock()), 0) / _NANO
