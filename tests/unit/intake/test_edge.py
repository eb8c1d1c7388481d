"""The HTTP edge: each status, and what is kept."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from contracts.events import case_id_of, conversation_id_of
from shared.personal_data import restore
from shared.vault import Vault
from tests.fakes.clock import NOON
from tests.unit.intake.edge import KEY, Edge, is_problem
from tests.unit.intake.webhooks import WROTE, ZENDESK_WROTE, generic, wrote, zendesk


class TestAccepted:
    async def test_a_customers_message_is_202_and_a_ticket(self, edge: Edge) -> None:
        response = await edge.post(generic(WROTE))

        [ticket] = edge.tickets()
        assert response.status_code == 202
        assert response.json()["status"] == "accepted"
        assert response.json()["case_id"] == str(ticket.case_id)
        conversation_id = conversation_id_of("acme", "desk", "42")
        assert (ticket.conversation_id, ticket.case_id) == (conversation_id, case_id_of(conversation_id, 1))
        assert (ticket.tenant, ticket.turn, ticket.occurred_at) == ("acme", 1, NOON)
        assert ticket.ticket.source == "desk"

    async def test_nothing_but_the_ledger_has_to_be_reachable(self, edge: Edge) -> None:
        """There is no broker in this test at all: the ticket waits in the outbox."""
        assert (await edge.post(generic(WROTE))).status_code == 202
        assert [row.topic for row in edge.ledger.outbox.rows] == ["ticket-received"]

    async def test_personal_data_is_sealed_before_anything_is_kept(self, edge: Edge) -> None:
        await edge.post(generic(WROTE))

        [row] = edge.ledger.outbox.rows
        [ticket] = edge.tickets()
        kept = repr(edge.ledger.conversations) + row.body.decode() + repr(row.headers)
        assert "ann@example.com" not in kept
        assert ticket.ticket.body == "Mine is [EMAIL_1]. Why is there no certificate?"
        originals = Vault(KEY).open(ticket.ticket.sealed)
        assert restore(ticket.ticket.body, originals) == WROTE["data"]["body"]

    async def test_a_redelivery_is_202_with_the_first_receipt_and_no_second_ticket(self, edge: Edge) -> None:
        first = await edge.post(generic(WROTE))
        again = await edge.post(generic(WROTE))

        assert again.status_code == 202
        assert again.json() == {**first.json(), "status": "duplicate"}
        assert len(edge.tickets()) == 1

    async def test_a_redelivery_signed_later_is_the_same_delivery(self, edge: Edge) -> None:
        first = await edge.post(generic(WROTE))
        edge.clock.advance(3600)
        again = await edge.post(generic(WROTE, at=edge.clock()))

        assert again.json()["case_id"] == first.json()["case_id"]
        assert len(edge.tickets()) == 1

    async def test_redeliveries_at_the_same_moment_are_one_ticket(self, edge: Edge) -> None:
        responses = await asyncio.gather(*(edge.post(generic(WROTE)) for _ in range(2)))

        assert sorted(response.json()["status"] for response in responses) == ["accepted", "duplicate"]
        assert len(edge.tickets()) == 1

    async def test_another_message_of_the_conversation_is_the_next_turn_with_the_thread(self, edge: Edge) -> None:
        await edge.post(generic(WROTE))
        answer = {"type": "message.sent", "data": {"ticket_id": "42", "body": "Write to bob@example.com"}}
        await edge.post(generic(answer, message_id="msg_2"))
        await edge.post(generic(wrote(body="Still none!"), message_id="msg_3"))

        first, second = edge.tickets()
        assert (first.turn, second.turn) == (1, 2)
        assert first.conversation_id == second.conversation_id
        assert first.case_id != second.case_id
        assert [(m.author, m.body) for m in second.ticket.thread] == [
            ("customer", "Mine is [EMAIL_1]. Why is there no certificate?"),
            ("agent", "Write to [EMAIL_1]"),
        ]

    async def test_a_thread_keeps_its_last_twenty_messages(self, edge: Edge) -> None:
        for number in range(25):
            await edge.post(generic(wrote(body=f"message {number}"), message_id=f"msg_{number}"))

        thread = edge.tickets()[-1].ticket.thread
        assert [message.body for message in thread] == [f"message {number}" for number in range(4, 24)]

    async def test_a_zendesk_event_is_a_ticket(self, edge: Edge) -> None:
        response = await edge.post(zendesk(ZENDESK_WROTE), "zendesk/acme")

        assert response.status_code == 202
        assert edge.tickets()[0].ticket.subject == "No certificate"

    async def test_an_outcome_belongs_to_the_newest_case(self, edge: Edge) -> None:
        for number in (1, 2):
            await edge.post(generic(WROTE, message_id=f"msg_{number}"))
        response = await edge.post(
            generic({"type": "ticket.rated", "data": {"ticket_id": "42", "rating": 2}}, message_id="msg_3")
        )

        [seen] = edge.outcomes()
        assert (seen.outcome, seen.rating, seen.turn) == ("rated", 2, 2)
        assert seen.case_id == edge.tickets()[1].case_id
        assert response.json()["case_id"] is None

    async def test_an_outcome_of_a_conversation_that_is_not_known_is_nothing(self, edge: Edge) -> None:
        response = await edge.post(generic({"type": "ticket.solved", "data": {"ticket_id": "7"}}))

        assert response.status_code == 202
        assert edge.ledger.outbox.rows == []

    async def test_what_is_not_acted_on_is_202_so_that_the_helpdesk_does_not_repeat_it(self, edge: Edge) -> None:
        assert (await edge.post(generic({"type": "ping"}))).status_code == 202
        assert edge.ledger.outbox.rows == []


class TestRefused:
    async def test_a_wrong_signature_is_401_and_leaves_nothing(self, edge: Edge) -> None:
        body, headers = generic(WROTE)
        response = await edge.post((body + b" ", headers))

        assert is_problem(response, 401)
        assert edge.ledger.receipts == {}

    async def test_an_old_delivery_is_401(self, edge: Edge) -> None:
        signed = generic(WROTE)
        edge.clock.advance(301)
        assert is_problem(await edge.post(signed), 401)

    @pytest.mark.parametrize("path", ["desk/globex", "shop/acme", "desk/zendesk"])
    async def test_a_source_that_is_not_configured_is_404(self, edge: Edge, path: str) -> None:
        assert is_problem(await edge.post(generic(WROTE), path), 404)

    @pytest.mark.parametrize(
        "path", ["desk/Acme", "desk/a b", "de%2Fsk/acme", "desk/..%2fx", "%00/acme", "desk/" + "a" * 99]
    )
    async def test_a_hostile_path_is_refused(self, edge: Edge, path: str) -> None:
        response = await edge.post(generic(WROTE), path)

        assert response.status_code in (404, 422)
        assert edge.ledger.receipts == {}

    @pytest.mark.parametrize("body", [b"{", b"", b"\x00", b'{"a": NaN}', b'"\\ud800"', b"[" * 2000], ids=repr)
    async def test_a_body_that_is_no_json_is_400(self, edge: Edge, body: bytes) -> None:
        assert is_problem(await edge.post(generic(body)), 400)

    @pytest.mark.parametrize("payload", [[], {"type": "message.created"}, wrote(ticket_id=None), wrote(requester=1)])
    async def test_a_payload_that_lacks_something_is_422_and_can_be_delivered_again(
        self, edge: Edge, payload: object
    ) -> None:
        assert is_problem(await edge.post(generic(payload)), 422)
        assert edge.ledger.receipts == {}

    async def test_a_body_above_the_bound_is_413(self, edge: Edge) -> None:
        assert is_problem(await edge.post(generic(wrote(body="x" * 200_000))), 413)

    async def test_a_body_sent_in_pieces_without_a_length_is_bounded_too(self, edge: Edge) -> None:
        async def endless() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 10_000

        response = await edge.client.post("/v1/webhooks/desk/acme", content=endless())
        assert is_problem(response, 413)

    async def test_while_the_ledger_is_away_it_is_503_with_a_time_to_come_back(self, edge: Edge) -> None:
        edge.ledger.is_reachable = False
        response = await edge.post(generic(WROTE))

        assert is_problem(response, 503)
        assert int(response.headers["retry-after"]) > 0
        edge.ledger.is_reachable = True
        assert (await edge.post(generic(WROTE))).json()["status"] == "accepted"

    async def test_a_commit_that_fails_is_503_and_the_redelivery_is_no_duplicate(self, edge: Edge) -> None:
        async with edge.ledger.locks[conversation_id_of("acme", "desk", "42")]:
            delivering = asyncio.create_task(edge.post(generic(WROTE)))
            while not edge.ledger.locks["acme", "desk", "msg_1"].locked():
                await asyncio.sleep(0)
            edge.ledger.is_reachable = False
        assert is_problem(await delivering, 503)

        edge.ledger.is_reachable = True
        assert (await edge.post(generic(WROTE))).json()["status"] == "accepted"

    async def test_above_the_bound_of_requests_at_once_it_is_503(self, edge: Edge) -> None:
        blocked = edge.ledger.locks["acme", "desk", "msg_1"]
        async with blocked:
            waiting = [asyncio.create_task(edge.post(generic(WROTE))) for _ in range(2)]
            while len(blocked._waiters or ()) < 2:
                await asyncio.sleep(0)
            assert is_problem(await edge.post(generic(WROTE, message_id="msg_9")), 503)

        assert {response.status_code for response in await asyncio.gather(*waiting)} == {202}

    async def test_a_get_is_405(self, edge: Edge) -> None:
        assert (await edge.client.get("/v1/webhooks/desk/acme")).status_code == 405
