"""Calls of one tier: a place and a rate, a reservation, the request with its timeout, a hedge, and further tries."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import openai
import structlog

from shared import metrics
from shared.gateway.asking import Prompt, Size
from shared.gateway.budgets import BudgetSpent, LedgerUnreachable, Reservation
from shared.gateway.health import Breaker, CircuitOpen, Latency
from shared.gateway.memory import Memory
from shared.gateway.patience import may_have_cost, pause_after, reason_of, says_nothing_of_the_tier, wish_of
from shared.gateway.provider import ProviderClient, Raw, ResponseMalformed
from shared.gateway.rates import Bucket
from shared.gateway.routing import worst_usd
from shared.gateway.tiers import Tier

log = structlog.get_logger(__name__)

RATE_WAIT_SECONDS_MAX = 20.0


class NoRoom(Exception):
    """The provider has no place, or its rates are used up, for longer than the request can wait."""


# What keeps a request from being sent: another try at once would end the same way.
NOT_SENT = (NoRoom, CircuitOpen, BudgetSpent, LedgerUnreachable)
FAILED = (openai.APIError, TimeoutError, ResponseMalformed, ValueError)


@dataclass
class Ask:
    """A request on its way: what is asked, who pays, and by when (monotonic) it is to be answered.

    `attempts` counts the tries, `lost` those requests that may be paid though their response never came.
    """

    prompt: Prompt
    size: Size
    account: str
    budget_usd: float
    ends_at: float
    attempts: int = 0
    lost: int = 0


@dataclass
class _Outcome:
    raw: Raw | None = None


class TierCalls:
    """Everything about one tier that outlives a request. Safe for concurrent use."""

    def __init__(
        self,
        name: str,
        tier: Tier,
        client: ProviderClient,
        memory: Memory,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.tier = tier
        self.client = client
        self.breaker = Breaker(monotonic)
        self.latency = Latency(tier.latency_seconds)
        self._memory = memory
        self._monotonic = monotonic

    async def complete(self, ask: Ask) -> Raw:
        """The response, after as many tries as the tier may have.

        Rate limits, server errors and timeouts are tried again after the pause that the server asks for, or an
        exponential one with full jitter (Brooker, AWS Architecture Blog, 2015).

        Raises:
            NOT_SENT, FAILED: the last reason.
        """
        while True:
            ask.attempts += 1
            try:
                return await (self._hedged(ask) if self.tier.hedge else self._once(ask))
            except FAILED as error:
                await self._pause(ask, error)

    async def _pause(self, ask: Ask, error: Exception) -> None:
        """This function will wait until another try makes sense.

        Raises:
            FAILED: the error itself, where none does.
        """
        pause = pause_after(error, ask.attempts)
        if pause is None or ask.attempts >= self.tier.attempts_max or self._monotonic() + pause >= ask.ends_at:
            if wish := wish_of(error):
                self.breaker.rest(wish)
            raise error
        log.info("model tried again", tier=self.name, reason=reason_of(error), attempt=ask.attempts)
        await asyncio.sleep(pause)

    async def _once(self, ask: Ask) -> Raw:
        async with self._admitted(ask) as outcome:
            outcome.raw = await self.client.ask(self.tier, ask.prompt, self._seconds_for(ask))
            return outcome.raw

    async def stream(self, ask: Ask) -> AsyncGenerator[str | Raw, None]:
        """The pieces of a response, then the whole. Raises as `complete`; only what has not begun is tried again."""
        while True:
            ask.attempts += 1
            has_begun = False
            try:
                async with self._admitted(ask) as outcome, aclosing(self._pieces(ask)) as pieces:
                    async for piece in pieces:
                        has_begun = True
                        if isinstance(piece, Raw):
                            outcome.raw = piece
                        else:
                            yield piece
            except FAILED as error:
                if has_begun:
                    raise
                await self._pause(ask, error)
                continue
            # Only now that it is settled: whoever has the whole does not come back for more.
            if outcome.raw is not None:
                yield outcome.raw
            return

    def _pieces(self, ask: Ask) -> AsyncGenerator[str | Raw, None]:
        return self.client.stream(self.tier, ask.prompt, self._seconds_for(ask))

    def _seconds_for(self, ask: Ask) -> float:
        return min(self.tier.timeout_seconds, max(0.0, ask.ends_at - self._monotonic()))

    async def _hedged(self, ask: Ask) -> Raw:
        """The first of two responses, where the first request takes longer than 95 of 100 do.

        Dean and Barroso, The Tail at Scale (CACM 2013). Both requests are paid.
        """
        requests = [asyncio.create_task(self._once(ask))]
        try:
            done, _ = await asyncio.wait(requests, timeout=self.latency.p95_seconds)
            if not done:
                metrics.GATEWAY_HEDGES.add(1, {"handrail.tier": self.name})
                requests.append(asyncio.create_task(self._once(ask)))
            return await _first_success(requests)
        finally:
            for request in requests:
                request.cancel()
            await asyncio.gather(*requests, return_exceptions=True)

    @asynccontextmanager
    async def _admitted(self, ask: Ask) -> AsyncIterator[_Outcome]:
        """Inside, one request may be sent; afterwards the circuit, the latencies and the ledger know of it."""
        if self.breaker.is_resting:
            raise CircuitOpen("its circuit is open")
        async with self._place(ask):
            await self._wait_for_rates(ask)
            reservation = await self._reserve(ask)
            outcome = _Outcome()
            try:
                self.breaker.admit()
            except CircuitOpen:
                await self._settle_at(reservation, 0.0)
                raise
            try:
                yield outcome
            except BaseException as error:
                await self._note_failure(ask, reservation, error)
                raise
            if outcome.raw is not None:
                self.breaker.succeed()
                self.latency.add(outcome.raw.seconds)
                whole = outcome.raw.completion(self.name, self.tier, tokens_max=ask.size.tokens_max)
                await self._settle_at(reservation, whole.cost_usd)

    async def _note_failure(self, ask: Ask, reservation: Reservation | None, error: BaseException) -> None:
        if says_nothing_of_the_tier(error):
            self.breaker.forget()
        else:
            self.breaker.fail()
        if may_have_cost(error):
            ask.lost += 1
        else:
            await self._settle_at(reservation, 0.0)

    async def _reserve(self, ask: Ask) -> Reservation | None:
        if not self.tier.is_paid:
            return None
        return await self._memory.ledger.reserve(ask.account, worst_usd(self.tier, ask.size), ask.budget_usd)

    async def _settle_at(self, reservation: Reservation | None, usd: float) -> None:
        if reservation is not None:
            await self._memory.ledger.settle(reservation, usd)

    @asynccontextmanager
    async def _place(self, ask: Ask) -> AsyncIterator[None]:
        places = self.client.places
        try:
            async with asyncio.timeout(max(0.0, ask.ends_at - self._monotonic())):
                await places.acquire()
        except TimeoutError:
            raise NoRoom("all places of the provider are taken") from None
        try:
            yield
        finally:
            places.release()

    async def _wait_for_rates(self, ask: Ask) -> None:
        provider = self.client.provider
        limits = (
            ("requests", 1, provider.requests_per_minute),
            ("tokens", ask.size.tokens + self.tier.output_tokens_max, provider.tokens_per_minute),
        )
        buckets = [Bucket(f"{self.client.name}:{kind}", cost, limit) for kind, cost, limit in limits if limit]
        patience_ends_at = min(self._monotonic() + RATE_WAIT_SECONDS_MAX, ask.ends_at)
        while buckets and (wait := await self._memory.rates.take(buckets)):
            if self._monotonic() + wait > patience_ends_at:
                raise NoRoom("the rate of the provider is used up")
            await asyncio.sleep(wait + random.uniform(0.0, 0.05))


async def _first_success(requests: list["asyncio.Task[Raw]"]) -> Raw:
    """The first response, or the error of the request that failed first where all fail."""
    pending, first_error = set(requests), None
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for request in done:
            error = request.exception()
            if error is None:
                return request.result()
            first_error = first_error or error
    if first_error is None:
        raise ValueError("no request")
    raise first_error
