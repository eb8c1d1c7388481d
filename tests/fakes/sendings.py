"""Delivery's intents in memory, and helpdesks that keep what they are sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.events import AnswerDelivered, AnswerReleased
from services.delivery.ports import HelpdeskUnreachable, Sending
from services.delivery.rules import Attempted, Next
from shared.clock import Clock
from shared.envelope import encode
from tests.fakes.transaction import MemoryStore, MemoryWork


@dataclass(frozen=True, kw_only=True)
class Row:
    """One intent to send."""

    released: AnswerReleased
    traceparent: str
    status: str
    attempts: int
    next_try_at: datetime
    receipt: str = ""
    error: str = ""


class FakeIntentWork:
    """See `services.delivery.ports.IntentWork`."""

    def __init__(self, sendings: "FakeSendings", work: MemoryWork, is_new: bool) -> None:
        self._sendings = sendings
        self._work = work
        self.is_new = is_new

    async def intend(self, released: AnswerReleased, traceparent: str) -> None:
        row = Row(
            released=released,
            traceparent=traceparent,
            status="pending",
            attempts=0,
            next_try_at=self._sendings.clock(),
        )
        self._work.write(lambda: self._sendings.rows.setdefault(released.case_id, row))


class FakeSendings(MemoryStore):
    """Both of delivery's stores: `Intents` for the consumer and `Sendings` for the worker."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("delivery")
        self.clock = clock
        self.rows: dict[UUID, Row] = {}
        self._handled: set[UUID] = set()

    @asynccontextmanager
    async def begin(self, event: AnswerReleased) -> AsyncIterator[FakeIntentWork]:
        async with self.transaction(event.event_id) as work:
            work.write(lambda: self._handled.add(event.event_id))
            yield FakeIntentWork(self, work, event.event_id not in self._handled)

    def _is_due(self, row: Row | None) -> bool:
        return row is not None and row.status in ("pending", "sending") and row.next_try_at <= self.clock()

    def claim(self, case_id: UUID, lease_seconds: float) -> Sending | None:
        self.check_reachable()
        row = self.rows.get(case_id)
        if row is None or not self._is_due(row):
            return None
        until = self.clock() + timedelta(seconds=lease_seconds)
        row = replace(row, status="sending", attempts=row.attempts + 1, next_try_at=until)
        self.rows[case_id] = row
        return Sending(released=row.released, traceparent=row.traceparent, attempts=row.attempts)

    def report(self, sending: Sending, attempted: Attempted, then: Next, event: AnswerDelivered | None) -> None:
        self.check_reachable()
        case_id = sending.released.case_id
        row = self.rows[case_id]
        if row.status != "sending" or row.attempts != sending.attempts:
            return
        self.rows[case_id] = replace(
            row,
            status=then.status,
            receipt=attempted.receipt[:500],
            error=attempted.error[:500],
            next_try_at=self.clock() + timedelta(seconds=then.pause_seconds),
        )
        if event is not None:
            self.outbox.add(encode(event, service="delivery"))

    def due(self, limit: int) -> list[UUID]:
        self.check_reachable()
        due = [(row.next_try_at, case_id) for case_id, row in self.rows.items() if self._is_due(row)]
        return [case_id for _, case_id in sorted(due)][:limit]


class FakeHelpdesk:
    """Keeps each reply it takes. `faults` are the results of the next replies; `lost` ones are kept nevertheless."""

    def __init__(self) -> None:
        self.replies: list[tuple[str, UUID, str]] = []
        self.faults: list[Attempted | str] = []
        self.can_be_asked = True

    def find_reply(self, sending: Sending) -> str | None:
        if not self.can_be_asked:
            raise HelpdeskUnreachable("the helpdesk could not be asked")
        wanted = (sending.released.external_id, sending.released.case_id)
        found = [number for number, (ticket, case, _) in enumerate(self.replies, start=1) if (ticket, case) == wanted]
        return f"r{found[0]}" if found else None

    def reply(self, sending: Sending, text: str) -> Attempted:
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Attempted):
            return fault
        self.replies.append((sending.released.external_id, sending.released.case_id, text))
        if fault == "lost":
            return Attempted(result="unclear", error="no answer from the helpdesk (ReadTimeout)")
        return Attempted(result="accepted", receipt=f"r{len(self.replies)}")


class FakeHelpdesks:
    """One helpdesk for every source; None of them where `configured` is false."""

    def __init__(self, helpdesk: FakeHelpdesk) -> None:
        self.helpdesk = helpdesk
        self.configured = True

    def of(self, released: AnswerReleased) -> FakeHelpdesk | None:
        return self.helpdesk if self.configured else None
