"""The gateway itself: from a prompt and its needs to one completion, tier after tier where one gives nothing."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import structlog
from pydantic import ValidationError

from shared.gateway import telemetry
from shared.gateway.asking import Completion, ModelUnavailable, Needs, Piece, Prompt, size_of
from shared.gateway.budgets import LedgerUnreachable
from shared.gateway.calls import FAILED, NOT_SENT, Ask, TierCalls
from shared.gateway.memory import Memory
from shared.gateway.patience import reason_of
from shared.gateway.privacy import Mask, complete_words
from shared.gateway.provider import ProviderClient, Raw
from shared.gateway.routing import Routes, plan, worst_usd
from shared.gateway.tiers import Tiers

log = structlog.get_logger(__name__)

ANY_NEEDS = Needs()
_POLL_SECONDS = 0.1
_HANGS_SECONDS = 2.0
# A claim outlives the call by this much, should its process end before it can give it back.
_CLAIM_MARGIN_SECONDS = 5.0


class Gateway:
    """Asks models. Safe for concurrent use; one for each process and event loop."""

    def __init__(self, tiers: Tiers, memory: Memory, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._tiers = tiers
        self._memory = memory
        self._monotonic = monotonic
        self._clients = {name: ProviderClient(name, provider) for name, provider in tiers.providers.items()}
        self._calls = {
            name: TierCalls(name, tier, self._clients[tier.provider], memory, monotonic)
            for name, tier in tiers.tiers.items()
        }

    async def close(self) -> None:
        """This function will close the connections."""
        for client in self._clients.values():
            await client.close()

    def offers(self, prompt: Prompt, *, tenant: str = "", needs: Needs = ANY_NEEDS, tier: str | None = None) -> Routes:
        """The tiers that could serve the prompt now, best first, and for each other tier why not. Asks nobody."""
        return plan(
            self._tiers,
            size=size_of(prompt),
            needs=needs,
            tenant=tenant,
            latencies={name: calls.latency.p95_seconds for name, calls in self._calls.items()},
            resting=[name for name, calls in self._calls.items() if calls.breaker.is_resting],
            only=tier,
        )

    async def can_pay(self, tenant: str, usd: float) -> bool:
        """Whether the tenant's budget of the day covers that much now; not where nobody can say."""
        try:
            spent = await self._memory.ledger.spent_usd(tenant)
        except LedgerUnreachable:
            return False
        return spent + usd <= self._tiers.allowance(tenant).usd_per_day

    async def spent_usd(self, tenant: str) -> float:
        """What a tenant has spent and reserved today (UTC), in US dollars. Raises LedgerUnreachable."""
        return await self._memory.ledger.spent_usd(tenant)

    async def complete(
        self, prompt: Prompt, *, request_id: str, tenant: str = "", needs: Needs = ANY_NEEDS, tier: str | None = None
    ) -> Completion:
        """The response of the best tier, or of the next best where one gives none.

        A call that equals an earlier one in `request_id`, tenant, prompt and `tier` returns the earlier response,
        usage included, and costs nothing, even while the earlier one is under way in another process.

        Args:
            request_id: names the occasion, such as an event's id.
            tenant: who pays, and whose bounds on data hold.
            tier: ask this one and no other.

        Raises:
            ModelUnavailable: no response within the bounds.
        """
        key = _digest("once", request_id, tenant, tier or "", *_content(prompt))
        ends_at = self._monotonic() + needs.deadline_seconds
        responses = self._memory.responses
        try:
            # Every step below keeps the deadline by itself, and accounts what it broke off; this is for what hangs.
            async with asyncio.timeout(needs.deadline_seconds + _HANGS_SECONDS):
                await self._claim(key, needs, ends_at)
                try:
                    if (kept := _read(await responses.get(key))) is not None:
                        telemetry.tell_kept(kept.tier, "again")
                        return kept
                    completion = await self._first_served(prompt, tenant, needs, tier, ends_at)
                    await responses.put(key, completion.model_dump_json().encode(), self._memory.paid_once_seconds)
                    return completion
                finally:
                    await responses.release(key)
        except TimeoutError:
            raise ModelUnavailable(f"no response within {needs.deadline_seconds:g} s") from None

    async def _claim(self, key: str, needs: Needs, ends_at: float) -> None:
        """This function will wait until nobody else is asking the same. Raises ModelUnavailable at the deadline."""
        while not await self._memory.responses.claim(key, needs.deadline_seconds + _CLAIM_MARGIN_SECONDS):
            if self._monotonic() >= ends_at:
                raise ModelUnavailable("the same request is under way elsewhere")
            await asyncio.sleep(_POLL_SECONDS)

    async def _first_served(
        self, prompt: Prompt, tenant: str, needs: Needs, only: str | None, ends_at: float
    ) -> Completion:
        routes = self.offers(prompt, tenant=tenant, needs=needs, tier=only)
        reasons = [] if only else [f"{name}: {reason}" for name, reason in routes.excluded.items()]
        if only and not routes.best_first:
            reasons = [f"{only}: {routes.excluded.get(only, 'there is no such tier')}"]
        lost_usd = 0.0
        for route in routes.best_first:
            if self._monotonic() >= ends_at:
                reasons.append(f"no response within {needs.deadline_seconds:g} s")
                break
            try:
                completion = await self._served(route.tier, prompt, tenant, ends_at)
            except ModelUnavailable as error:
                reasons.append(str(error))
                lost_usd += error.cost_usd
                continue
            return completion.model_copy(update={"cost_usd": completion.cost_usd + lost_usd})
        raise ModelUnavailable("; ".join(reasons), cost_usd=lost_usd)

    async def _served(self, name: str, prompt: Prompt, tenant: str, ends_at: float) -> Completion:
        """The response of one tier. Raises ModelUnavailable."""
        key = self._cache_key(name, prompt, tenant)
        if key and (kept := _read(await self._memory.responses.get(key))) is not None:
            telemetry.tell_kept(name, "equal")
            free = {"cached": True, "requests": 0, "cost_usd": 0.0, "input_tokens": 0, "output_tokens": 0}
            return kept.model_copy(update=free)
        mask = Mask()
        ask = await self._ask(name, prompt, tenant, ends_at, mask)
        with self._call(name, prompt, ask) as span:
            raw = await self._calls[name].complete(ask)
            completion = self._account(span, name, ask, raw, mask)
        if key and not completion.fault:
            await self._memory.responses.put(key, completion.model_dump_json().encode(), self._tiers.cache_seconds)
        return completion

    async def _ask(self, name: str, prompt: Prompt, tenant: str, ends_at: float, mask: Mask) -> Ask:
        mask.learn(prompt)
        is_local = self._tiers.provider_of(name).data == "local"
        # Looking for personal data takes CPU, hence a thread: the event loop stays free.
        covered = prompt if is_local else await asyncio.to_thread(mask.cover, prompt)
        return Ask(covered, size_of(covered), tenant, self._tiers.allowance(tenant).usd_per_day, ends_at)

    @contextmanager
    def _call(self, name: str, prompt: Prompt, ask: Ask) -> Iterator[Any]:
        """A span; what fails inside becomes ModelUnavailable."""
        tier, provider = self._tiers.tiers[name], self._tiers.provider_of(name)
        started, error_type = self._monotonic(), ""
        with telemetry.chat_span(name, tier, provider, prompt) as span:
            try:
                yield span
            except (*NOT_SENT, *FAILED) as error:
                error_type = type(error).__name__
                lost_usd = ask.lost * worst_usd(tier, ask.size)
                telemetry.tell_failure(span, name, tier, provider, error, lost_usd=lost_usd)
                reason = f"{name}: {reason_of(error)}, attempt {ask.attempts}"
                raise ModelUnavailable(reason, cost_usd=lost_usd) from None
            finally:
                telemetry.tell_duration(name, tier, provider, self._monotonic() - started, error_type)

    def _account(self, span: Any, name: str, ask: Ask, raw: Raw, mask: Mask) -> Completion:
        tier, provider = self._tiers.tiers[name], self._tiers.provider_of(name)
        whole = raw.completion(name, tier, tokens_max=ask.size.tokens_max, requests=1 + ask.lost)
        telemetry.tell_success(span, tier, provider, whole, response_id=raw.response_id, attempts=ask.attempts)
        text, is_unknown = mask.uncover(whole.text, is_json=ask.prompt.response_format is not None)
        return whole.model_copy(update={"text": text, "unknown_placeholder": is_unknown})

    def _cache_key(self, name: str, prompt: Prompt, tenant: str) -> str:
        """Equal requests of one tenant to one tier; empty where nothing is cached."""
        if not self._tiers.cache_seconds:
            return ""
        tier, provider = self._tiers.tiers[name], self._tiers.provider_of(name)
        return _digest("equal", tenant, name, provider.base_url, tier.model_dump_json(), *_content(prompt))

    async def stream(
        self, prompt: Prompt, *, tenant: str = "", needs: Needs = ANY_NEEDS, tier: str | None = None
    ) -> AsyncGenerator[Piece, None]:
        """The pieces of a response as they come; the last one has the completion.

        A tier that fails before its first piece is followed by the next one. Streams are not kept: whoever wants a
        redelivered request paid once uses `complete`.

        Raises:
            ModelUnavailable: no tier began to answer, or the stream ended half-finished or past the deadline.
        """
        ends_at = self._monotonic() + needs.deadline_seconds
        routes = self.offers(prompt, tenant=tenant, needs=needs, tier=tier)
        reasons = [f"{name}: {reason}" for name, reason in routes.excluded.items()]
        lost_usd = 0.0
        for route in routes.best_first:
            has_begun = False
            try:
                async with aclosing(self._streamed(route.tier, prompt, tenant, ends_at)) as pieces:
                    async for piece in pieces:
                        has_begun = True
                        yield piece
                return
            except ModelUnavailable as error:
                if has_begun:
                    raise
                reasons.append(str(error))
                lost_usd += error.cost_usd
        raise ModelUnavailable("; ".join(reasons), cost_usd=lost_usd)

    async def _streamed(self, name: str, prompt: Prompt, tenant: str, ends_at: float) -> AsyncGenerator[Piece, None]:
        mask = Mask()
        ask = await self._ask(name, prompt, tenant, ends_at, mask)
        calls, held, is_json = self._calls[name], "", prompt.response_format is not None
        with self._call(name, prompt, ask) as span:
            async with aclosing(calls.stream(ask)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Raw):
                        completion = self._account(span, name, ask, piece, mask)
                        yield Piece(mask.uncover(held, is_json=is_json)[0], completion)
                        return
                    ready, held = complete_words(held + piece)
                    if ready:
                        yield Piece(mask.uncover(ready, is_json=is_json)[0])


def _content(prompt: Prompt) -> tuple[str, ...]:
    return (prompt.name, prompt.version, json.dumps(prompt.messages()), json.dumps(prompt.response_format))


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _read(kept: bytes | None) -> Completion | None:
    try:
        return Completion.model_validate_json(kept) if kept else None
    except ValidationError:
        return None
