"""People's names travel sealed, the tenant's own words do not."""

from services.intake.adapters import VaultPseudonyms
from services.intake.app import build_app
from shared.personal_data import restore
from shared.vault import Vault
from tests.unit.intake.edge import ACME, BOUNDS, KEY, Edge
from tests.unit.intake.webhooks import generic, wrote

BODY = "My site is down.\n\nKind regards,\nUlrike Zimmermann"


async def test_a_customers_name_is_sealed_and_can_be_put_back(edge: Edge) -> None:
    await edge.post(generic(wrote(body=BODY)))

    [ticket] = edge.tickets()
    [row] = edge.ledger.outbox.rows
    assert ticket.ticket.body == "My site is down.\n\nKind regards,\n[NAME_1]"
    assert b"Zimmermann" not in row.body
    assert restore(ticket.ticket.body, Vault(KEY).open(ticket.ticket.sealed)) == BODY


async def test_an_agents_name_is_not_kept_in_the_thread(edge: Edge) -> None:
    answer = {"type": "message.sent", "data": {"ticket_id": "42", "body": "Look again.\n\nKind regards,\nPetra Huber"}}
    await edge.post(generic(answer))
    await edge.post(generic(wrote(body="Still down."), message_id="msg_2"))

    [ticket] = edge.tickets()
    assert "Huber" not in ticket.ticket.model_dump_json()


async def test_what_the_tenant_calls_its_own_stays_with_that_tenant() -> None:
    edge = Edge()
    own = {"acme": frozenset({"ulrike", "zimmermann"})}
    app = build_app({"acme": ACME}, edge.ledger, VaultPseudonyms(KEY), BOUNDS, edge.clock, known_words=own)
    edge.client._transport.app = app  # type: ignore[attr-defined]
    await edge.post(generic(wrote(body=BODY)))

    assert edge.tickets()[0].ticket.body == BODY
