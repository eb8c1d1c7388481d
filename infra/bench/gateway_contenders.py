"""Who takes part in the bench of the gateway, and the servers that they need: a model, Redis, the LiteLLM proxy."""

import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
from redis.asyncio import Redis

from infra.bench import litellm_proxy
from infra.bench.contenders import python
from infra.bench.problems import BenchFailed
from infra.bench.workers import Workers
from infra.stack.health import http_answers, redis_answers
from infra.stack.ports import HOST, chosen
from infra.stack.servers import REDIS_BIN
from shared.gateway import Allowance, Gateway, Prompt, Provider, Tier, Tiers, redis_memory

MODEL_MS = 20.0
READY_SECONDS_MAX = 120.0
REQUEST_SECONDS_MAX = 30.0
_PORTS = {"model": 18621, "redis": 18622, "proxy": 18623}
_PASSAGE = (
    "To go back to an earlier release, list the releases, choose one and roll back to it. The rollback takes effect at "
    "once and does not touch the database; migrations that ran since stay. Only the last twenty releases are kept. "
) * 4


@dataclass(frozen=True)
class Servers:
    """Where the servers are. A peer that could not be started is named in `errors`."""

    model_url: str
    redis_url: str
    proxy: litellm_proxy.Proxy | None
    proxy_pid: int | None
    errors: Mapping[str, str]


@dataclass(frozen=True)
class Caller:
    """One contender, ready: `call` makes request number n; `pid` is the process that works for it, if one does."""

    name: str
    call: Callable[[int], Awaitable[Any]]
    pid: int | None = None


@contextmanager
def servers(environ: Mapping[str, str], report: Callable[[str], None]) -> Iterator[Servers]:
    """The servers, for as long as the context is open.

    Raises:
        BenchFailed: the model's server or Redis does not start.
    """
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as name, chosen(_PORTS, {}) as ports:
        folder, workers = Path(name), Workers(Path(name), dict(environ))
        peer = Workers(_made(folder / "peer"), dict(environ))
        model_url, redis_url = f"http://{HOST}:{ports['model']}/v1", environ.get("HANDRAIL_REDIS_URL", "")
        commands = [python("infra.bench.model_server", str(ports["model"]), str(MODEL_MS))]
        if not redis_url:
            redis_url = f"redis://{HOST}:{ports['redis']}/0"
            commands.append(
                [str(REDIS_BIN), "--bind", HOST, "--port", str(ports["redis"]), "--save", "", "--dir", name]
            )
        try:
            workers.start(commands)
            _wait(workers, lambda: http_answers(f"http://{HOST}:{ports['model']}/ready") and redis_answers(redis_url))
            found, errors = None, {}
            try:
                found = litellm_proxy.proxy(environ, folder, ports["proxy"], model_url, report)
                report("starting the LiteLLM proxy")
                peer = Workers(folder / "peer", {**environ, **found.environment})
                peer.start([found.command])
                _wait(peer, lambda: http_answers(f"http://{HOST}:{ports['proxy']}/health/liveliness"))
            except BenchFailed as failure:
                found, errors = None, {"litellm_proxy": str(failure)}
            yield Servers(model_url, redis_url, found, peer.pids[0] if found else None, errors)
        finally:
            peer.stop()
            workers.stop()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _wait(workers: Workers, are_ready: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + READY_SECONDS_MAX
    while not are_ready():
        workers.check()
        if time.monotonic() > ends_at:
            raise BenchFailed(f"not ready within {READY_SECONDS_MAX:.0f} s")
        time.sleep(0.1)


def contenders(running: Servers) -> list[AbstractAsyncContextManager[Caller]]:
    """All that could be started, in the order in which they take turns."""
    peer = (
        [_client("litellm_proxy", running.proxy.base_url, running.proxy.api_key, running.proxy_pid)]
        if (running.proxy)
        else []
    )
    return [
        _client("bare_client", running.model_url, "none"),
        *peer,
        _handrail("handrail", running, data="local"),
        _handrail("handrail_replacing_personal_data", running, data="external"),
    ]


def _prompt(number: int) -> Prompt:
    """About 900 tokens: three passages that come again and again, and a message that does not."""
    message = f"Since this morning deploy {number} fails. I am {number}@example.com. " * 4
    passages = [{"number": one, "text": f"{one}. {_PASSAGE}"} for one in (1, 2, 3)]
    user = {"body": message, "passages": passages}
    return Prompt(name="bench", version="v1", system="Answer from the passages.", user=user)


@asynccontextmanager
async def _client(name: str, base_url: str, api_key: str, pid: int | None = None) -> AsyncIterator[Caller]:
    """The openai client alone, without tries."""
    async with openai.AsyncOpenAI(
        base_url=base_url, api_key=api_key, max_retries=0, timeout=REQUEST_SECONDS_MAX
    ) as client:

        async def call(number: int) -> Any:
            messages: Any = _prompt(number).messages()
            return await client.chat.completions.create(model="bench", messages=messages, max_tokens=400)

        yield Caller(name, call, pid)


@asynccontextmanager
async def _handrail(name: str, running: Servers, **where: Any) -> AsyncIterator[Caller]:
    """The gateway with everything on that costs time: paid once, a budget, rates, an equal-request cache."""
    provider = Provider(
        base_url=running.model_url,
        concurrency_max=200,
        requests_per_minute=1_000_000,
        tokens_per_minute=1_000_000_000,
        **where,
    )
    tier = Tier(
        provider="bench",
        model="bench",
        input_usd_per_million=0.25,
        output_usd_per_million=2.0,
        output_tokens_max=400,
        timeout_seconds=REQUEST_SECONDS_MAX,
        attempts_max=1,
    )
    tiers = Tiers(
        providers={"bench": provider}, tiers={"bench": tier}, default=Allowance(usd_per_day=1e6), cache_seconds=60
    )
    run = uuid.uuid4().hex
    async with Redis.from_url(running.redis_url) as redis:
        gateway = Gateway(tiers, redis_memory(redis, paid_once_seconds=60))

        async def call(number: int) -> Any:
            # The run and an instant in the id: no request of this bench or an earlier one is answered from memory.
            request_id = f"{run}:{time.monotonic_ns()}"
            return await gateway.complete(_prompt(time.monotonic_ns()), request_id=request_id, tenant=run)

        yield Caller(name, call)
        await gateway.close()
