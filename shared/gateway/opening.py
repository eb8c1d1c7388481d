"""Opens a gateway for a service: its memory is in Redis, where every process of every service shares it."""

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from shared.gateway.gateway import Gateway
from shared.gateway.memory import PAID_ONCE_SECONDS, redis_memory
from shared.gateway.tiers import Tiers
from shared.settings import Settings

Closer = Callable[[], Awaitable[None]]

# A Redis that hangs must not hold a request up for longer than a model takes.
_REDIS_SECONDS_MAX = 2.0


def open_gateway(
    tiers: Tiers, settings: Settings, paid_once_seconds: int = PAID_ONCE_SECONDS
) -> tuple[Gateway, list[Closer]]:
    """The gateway to these tiers, and what closes it. Nothing is connected yet.

    Args:
        tiers: which models there are. Services that name the same tenants share the budgets of the day.
        settings: where Redis is.
        paid_once_seconds: how long a request that comes again gets the same response.
    """
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=_REDIS_SECONDS_MAX,
        socket_connect_timeout=_REDIS_SECONDS_MAX,
    )
    gateway = Gateway(tiers, redis_memory(redis, paid_once_seconds))
    return gateway, [gateway.close, redis.aclose]
