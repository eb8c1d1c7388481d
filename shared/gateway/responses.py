"""Responses that were paid for, so that neither a request that comes again nor an equal one is paid twice."""

import time
from collections.abc import Callable
from typing import Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

_PROCESS_KEPT_MAX = 10_000


class Responses(Protocol):
    """Keeps responses by key. Never raises: without memory the model is asked again."""

    async def get(self, key: str) -> bytes | None:
        """The response kept under that key, or None."""
        ...

    async def put(self, key: str, response: bytes, seconds: int) -> None:
        """This function will keep the response for `seconds`."""
        ...

    async def claim(self, key: str, seconds: float) -> bool:
        """Whether the caller may ask for that key; for `seconds` nobody else may, unless it is released earlier."""
        ...

    async def release(self, key: str) -> None:
        """This function will give a claim back."""
        ...


class RedisResponses:
    """Keeps responses in Redis. See `Responses`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self, key: str) -> bytes | None:
        """See `Responses.get`."""
        try:
            found = await self._redis.get(f"handrail:gateway:{key}")
        except (RedisError, OSError) as error:
            log.warning("paid responses unreachable", error_type=type(error).__name__)
            return None
        return found.encode() if isinstance(found, str) else found

    async def put(self, key: str, response: bytes, seconds: int) -> None:
        """See `Responses.put`."""
        try:
            await self._redis.set(f"handrail:gateway:{key}", response, ex=seconds)
        except (RedisError, OSError) as error:
            log.warning("paid response not kept", error_type=type(error).__name__)

    async def claim(self, key: str, seconds: float) -> bool:
        """See `Responses.claim`."""
        try:
            return bool(await self._redis.set(f"handrail:gateway:claim:{key}", b"1", px=int(seconds * 1000), nx=True))
        except (RedisError, OSError) as error:
            log.warning("claims unreachable", error_type=type(error).__name__)
            return True

    async def release(self, key: str) -> None:
        """See `Responses.release`."""
        try:
            await self._redis.delete(f"handrail:gateway:claim:{key}")
        except (RedisError, OSError) as error:
            log.warning("claim not released", error_type=type(error).__name__)


class ProcessResponses:
    """Keeps the latest 10,000 responses in this process. See `Responses`."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, bytes]] = {}
        self._claimed: dict[str, float] = {}

    async def get(self, key: str) -> bytes | None:
        """See `Responses.get`."""
        until, response = self._kept.get(key, (0.0, b""))
        return response if self._monotonic() < until else None

    async def put(self, key: str, response: bytes, seconds: int) -> None:
        """See `Responses.put`."""
        self._kept.pop(key, None)
        self._kept[key] = (self._monotonic() + seconds, response)
        if len(self._kept) > _PROCESS_KEPT_MAX:
            del self._kept[next(iter(self._kept))]

    async def claim(self, key: str, seconds: float) -> bool:
        """See `Responses.claim`."""
        if self._monotonic() < self._claimed.get(key, 0.0):
            return False
        self._claimed[key] = self._monotonic() + seconds
        return True

    async def release(self, key: str) -> None:
        """See `Responses.release`."""
        self._claimed.pop(key, None)
