"""Requests and tokens per minute that a provider bears, counted for all processes together.

The generic cell rate algorithm (ITU-T I.371): a bucket that fills evenly, of which only the instant is kept at which
it is full again. It holds a twelfth of a minute's allowance, so that no minute sees more than 13/12 of it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

BURST_SECONDS = 5.0

# For each bucket: key, cost, allowance a minute. All buckets are charged, or none; returns milliseconds to wait.
_TAKE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + tonumber(clock[2]) / 1000
local burst, wait, full_at = tonumber(ARGV[1]) * 1000, 0, {}
for i = 1, #KEYS do
  local per_ms = tonumber(ARGV[2 * i + 1]) / 60000
  local tat = math.max(now, tonumber(redis.call('GET', KEYS[i]) or '0'))
  local room = math.max(burst, 1 / per_ms)
  full_at[i] = tat + math.min(tonumber(ARGV[2 * i]) / per_ms, room)
  wait = math.max(wait, full_at[i] - room - now)
end
if wait > 0 then return tostring(wait) end
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], string.format('%.3f', full_at[i]), 'PX', math.ceil(full_at[i] - now) + 1000)
end
return '0'
"""


@dataclass(frozen=True)
class Bucket:
    """What is taken of one allowance."""

    name: str
    cost: int
    per_minute: int


class Rates(Protocol):
    """Shares out what providers bear."""

    async def take(self, buckets: list[Bucket]) -> float:
        """Takes from all buckets and returns 0, or takes from none and returns the seconds until it may succeed.

        A cost above what a bucket holds counts as all of it. Never raises: without its store every request may pass,
        and the provider itself says no.
        """
        ...


class RedisRates:
    """Buckets in Redis, by its clock. See `Rates`."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_TAKE)

    async def take(self, buckets: list[Bucket]) -> float:
        """See `Rates.take`."""
        arguments = [str(BURST_SECONDS)] + [str(part) for one in buckets for part in (one.cost, one.per_minute)]
        try:
            wait = await self._take(keys=[f"handrail:gateway:rate:{one.name}" for one in buckets], args=arguments)
        except (RedisError, OSError) as error:
            log.warning("rates unreachable", error_type=type(error).__name__)
            return 0.0
        return float(wait) / 1000


class ProcessRates:
    """Buckets of this process. See `Rates`."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._full_at: dict[str, float] = {}

    async def take(self, buckets: list[Bucket]) -> float:
        """See `Rates.take`."""
        now, wait, full_at = self._monotonic(), 0.0, {}
        for one in buckets:
            per_second = one.per_minute / 60
            room = max(BURST_SECONDS, 1 / per_second)
            tat = max(now, self._full_at.get(one.name, 0.0))
            full_at[one.name] = tat + min(one.cost / per_second, room)
            wait = max(wait, full_at[one.name] - room - now)
        if wait <= 0:
            self._full_at |= full_at
            return 0.0
        return wait
