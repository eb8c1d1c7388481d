"""Intake's HTTP edge with fakes behind it."""

from typing import Any

import httpx
from pydantic import SecretStr

from contracts.events import OutcomeObserved, TicketReceived
from services.intake.adapters import VaultPseudonyms
from services.intake.app import build_app
from services.intake.settings import IntakeSettings
from shared.envelope import decode
from shared.tenants import Source, Tenant
from tests.fakes.clock import FixedClock
from tests.fakes.ledger import FakeLedger
from tests.unit.intake.webhooks import DESK_SECRET, ZENDESK_SECRET

KEY = SecretStr("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
BOUNDS = IntakeSettings(body_bytes_max=200_000, requests_at_once_max=2)


def source(kind: Any, secret: str) -> Source:
    return Source(kind=kind, secret=SecretStr(secret), reply_url="https://desk.example")


ACME = Tenant(
    id="acme",
    pack="packs/none",
    sources={"desk": source("generic", DESK_SECRET), "zendesk": source("zendesk", ZENDESK_SECRET)},
)


class Edge:
    """Posts webhooks and looks at what became of them."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.clock = FixedClock()
        self.app = build_app({"acme": ACME}, self.ledger, VaultPseudonyms(KEY), BOUNDS, self.clock)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://intake")

    async def post(
        self, signed: tuple[bytes, dict[str, str]], path: str = "desk/acme", **headers: str
    ) -> httpx.Response:
        body, signature = signed
        return await self.client.post(f"/v1/webhooks/{path}", content=body, headers={**signature, **headers})

    def tickets(self) -> list[TicketReceived]:
        rows = [row for row in self.ledger.outbox.rows if row.topic == "ticket-received"]
        return [decode(TicketReceived, row) for row in rows]

    def outcomes(self) -> list[OutcomeObserved]:
        rows = [row for row in self.ledger.outbox.rows if row.topic == "outcome-observed"]
        return [decode(OutcomeObserved, row) for row in rows]


def is_problem(response: httpx.Response, status: int) -> bool:
    return (
        response.status_code == status
        and response.headers["content-type"] == "application/problem+json"
        and response.json()["status"] == status
    )
