"""One run: tickets in through the signed webhook, then watched until each is settled, then summed up."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import Engine

from infra.demo.outcomes import Outcome, Summary, complete_traces, read_outcomes, summarise
from infra.demo.tickets import SampleTicket, Sender, Sent
from shared.tenants import Tenant

WATCH_SECONDS = 0.5
TRACE_SECONDS_MAX = 15.0

Seen = Callable[[Sequence[Sent], Mapping[str, Outcome]], None]


@dataclass(kw_only=True)
class Run:
    """What one run needs, and what it has seen so far.

    Args:
        home: the stack's folder, for the traces.
        engine: reads the owners' tables.
        intake_url: where the webhooks go.
        helpdesk_url: of the fake helpdesk, empty where answers go to a real one.
        tenant: whose tickets they are.
        rate: tickets a second.
        patience_seconds: how long to wait without any progress.
        seen: is told of progress.
    """

    home: Path
    engine: Engine
    intake_url: str
    helpdesk_url: str
    tenant: Tenant
    rate: float
    patience_seconds: float = 120.0
    seen: Seen = lambda sent, outcomes: None
    sent: list[Sent] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    async def go(self, tickets: Sequence[SampleTicket]) -> Summary:
        """Sends the tickets, waits until all are settled or nothing moves any more, and sums up."""
        sender = Sender(intake_url=self.intake_url, tenant=self.tenant.id, source=self.tenant.sources["generic"])
        sending = asyncio.create_task(sender.send(tickets, self.rate, self.sent.append))
        await self._watch(sending, len(tickets))
        self.sent = await sending
        traces = await self._traces()
        return summarise(self.sent, self.outcomes, traces, await self._replies())

    async def _watch(self, sending: "asyncio.Task[list[Sent]]", total: int) -> None:
        moved_at, before = time.monotonic(), (0, 0)
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            open_ids = [
                one.case_id
                for one in self.sent
                if one.case_id and not (one.case_id in self.outcomes and self.outcomes[one.case_id].settled)
            ]
            self.outcomes |= await asyncio.to_thread(read_outcomes, self.engine, open_ids)
            self.seen(self.sent, self.outcomes)
            settled = sum(outcome.settled for outcome in self.outcomes.values())
            taken = sum(bool(one.case_id) for one in self.sent)
            if (len(self.sent), settled) != before:
                moved_at, before = time.monotonic(), (len(self.sent), settled)
            if sending.done() and len(self.sent) == total and settled >= taken:
                return
            if time.monotonic() - moved_at > self.patience_seconds:
                sending.cancel()
                return

    async def _traces(self) -> set[str]:
        """Spans are written a second after they end; the last ones are waited for."""
        decided = set(self.outcomes)
        deadline = time.monotonic() + TRACE_SECONDS_MAX
        while True:
            complete = await asyncio.to_thread(complete_traces, self.home, self.sent, self.outcomes)
            if complete >= decided or time.monotonic() > deadline:
                return complete
            await asyncio.sleep(1.0)

    async def _replies(self) -> Counter[str]:
        if not self.helpdesk_url:
            return Counter()
        async with httpx.AsyncClient(timeout=30.0) as client:
            response = await client.get(f"{self.helpdesk_url}/replies")
        return Counter(reply["case_id"] for reply in response.json()["replies"])
