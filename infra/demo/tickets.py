"""Tickets from files, sent as signed webhooks at a set rate."""

import asyncio
import csv
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
from standardwebhooks import Webhook

from shared.tenants import Source

LINES_MAX = 100_000
ATTEMPTS_MAX = 10
IN_FLIGHT_MAX = 32


class TicketsUnreadable(Exception):
    """The file holds no tickets; the message says where and why."""


@dataclass(frozen=True, kw_only=True)
class SampleTicket:
    """One ticket to send. `gold` says what ought to become of it, where that is known."""

    id: str
    subject: str
    body: str
    email: str
    gold: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A ticket that intake has taken, or what it said instead."""

    ticket: SampleTicket
    case_id: str
    trace_id: str
    status_code: int


def read_tickets(path: Path, limit: int = LINES_MAX) -> list[SampleTicket]:
    """Tickets from JSON lines: `{"id", "subject", "body", "requester": {"email"}}`, or questions `{"_id", "text"}`.

    Raises:
        TicketsUnreadable: the file is missing or a line is no ticket.
    """
    try:
        with path.open("rb") as file:
            lines = [line for _, line in zip(range(limit), file, strict=False) if line.strip()]
    except OSError as error:
        raise TicketsUnreadable(f"{path}: {error.strerror}") from error
    return [_ticket(path, number, line) for number, line in enumerate(lines, start=1)]


def _ticket(path: Path, number: int, line: bytes) -> SampleTicket:
    try:
        row = orjson.loads(line)
        if "text" in row:
            return SampleTicket(id=str(row["_id"]), subject="", body=row["text"], email=f"{row['_id']}@sender.example")
        email = (row.get("requester") or {}).get("email") or f"{row['id']}@sender.example"
        return SampleTicket(
            id=str(row["id"]), subject=row.get("subject", ""), body=row["body"], email=email, gold=row.get("gold", {})
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise TicketsUnreadable(f"{path}, line {number}, is no ticket: {type(error).__name__} {error}") from error


def read_qrels(path: Path) -> dict[str, set[str]]:
    """Relevant documents by query from a TREC-like `qrels.tsv` (`query-id corpus-id score`)."""
    relevant: dict[str, set[str]] = {}
    with path.open(newline="") as file:
        for row in csv.reader(file, delimiter="\t"):
            if len(row) == 3 and row[2].isdigit() and int(row[2]) > 0:
                relevant.setdefault(row[0], set()).add(row[1])
    return relevant


def signed_webhook(source: Source, payload: dict[str, Any], message_id: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a generic webhook (Standard Webhooks)."""
    body = orjson.dumps(payload)
    signed_at = datetime.now(UTC)
    secret = source.secret.get_secret_value().split(",")[0]
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, signed_at, body.decode()),
    }
    return body, headers


def message_created(ticket: SampleTicket, ticket_id: str) -> dict[str, Any]:
    """What a helpdesk says when a customer wrote."""
    return {
        "type": "message.created",
        "timestamp": datetime.now(UTC).isoformat(),
        "data": {
            "ticket_id": ticket_id,
            "subject": ticket.subject,
            "body": ticket.body,
            "channel": "email",
            "requester": {"email": ticket.email},
        },
    }


@dataclass(kw_only=True)
class Sender:
    """Sends tickets to the webhook of one tenant, as a helpdesk would: again where it is told to come back.

    `run` keeps tickets of one sending apart from those of another.
    """

    intake_url: str
    tenant: str
    source: Source
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    async def send(self, tickets: Sequence[SampleTicket], rate: float, on_sent: Callable[[Sent], None]) -> list[Sent]:
        """Sends at most `rate` tickets a second and returns what intake said to each, in order."""
        places = asyncio.Semaphore(IN_FLIGHT_MAX)
        async with httpx.AsyncClient(timeout=30.0) as client:

            async def one(ticket: SampleTicket) -> Sent:
                async with places:
                    sent = await self._deliver(client, ticket)
                on_sent(sent)
                return sent

            tasks = [asyncio.create_task(one(ticket)) async for ticket in _paced(tickets, rate)]
            return list(await asyncio.gather(*tasks))

    async def _deliver(self, client: httpx.AsyncClient, ticket: SampleTicket) -> Sent:
        url = f"{self.intake_url}/v1/webhooks/generic/{self.tenant}"
        ticket_id = f"{self.run}-{ticket.id}"
        payload = message_created(ticket, ticket_id)
        status = 0
        for pause in _pauses():
            body, headers = signed_webhook(self.source, payload, f"msg_{ticket_id}")
            try:
                response = await client.post(url, content=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(pause)
                continue
            status = response.status_code
            if status == 202:
                answer = response.json()
                return Sent(ticket=ticket, case_id=answer["case_id"], trace_id=answer["trace_id"], status_code=status)
            if status < 500 and status != 429:
                break
            await asyncio.sleep(pause)
        return Sent(ticket=ticket, case_id="", trace_id="", status_code=status)


def _pauses() -> Iterator[float]:
    return (min(10.0, 0.5 * 2**attempt) for attempt in range(ATTEMPTS_MAX))


async def _paced(tickets: Sequence[SampleTicket], rate: float) -> AsyncIterator[SampleTicket]:
    started = time.monotonic()
    for index, ticket in enumerate(tickets):
        await asyncio.sleep(max(0.0, started + index / rate - time.monotonic()))
        yield ticket
