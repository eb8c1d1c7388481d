"""What every `Ledger` of intake does."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from contracts.events import Message as ThreadMessage
from contracts.events import TicketReceived
from contracts.examples import example
from services.intake.ports import Conversation, Ledger, LedgerWork, Receipt
from shared.envelope import Message, decode
from tests.fakes.clock import NOON

Waiting = Callable[[], Awaitable[list[Message]]]

FIRST = Receipt(case_id=uuid4(), trace_id="4bf92f3577b34da6a3ce929d0e0e4736")
A_TICKET = example(TicketReceived, "refund-asked")


class LedgerSuite:
    """Give it the fixtures `ledger` and `waiting` (the committed outbox rows)."""

    async def test_a_new_delivery_has_no_earlier_receipt(self, ledger: Ledger) -> None:
        async with ledger.begin("acme", "desk", "msg_1") as work:
            assert work.earlier is None

    async def test_a_delivery_recorded_twice_returns_the_first_receipt(self, ledger: Ledger) -> None:
        async with ledger.begin("acme", "desk", "msg_1") as work:
            await work.finish(FIRST)
        async with ledger.begin("acme", "desk", "msg_1") as work:
            assert work.earlier == FIRST

    async def test_the_same_delivery_id_of_another_tenant_or_source_is_another_delivery(self, ledger: Ledger) -> None:
        async with ledger.begin("acme", "desk", "msg_1") as work:
            await work.finish(FIRST)
        for tenant, source in (("globex", "desk"), ("acme", "shop")):
            async with ledger.begin(tenant, source, "msg_1") as work:
                assert work.earlier is None

    async def test_of_two_deliveries_at_once_the_second_waits_and_sees_the_first(self, ledger: Ledger) -> None:
        seen: list[Receipt | None] = []

        async def deliver() -> None:
            async with ledger.begin("acme", "desk", "msg_1") as work:
                seen.append(work.earlier)
                await asyncio.sleep(0.02)  # The other one gets its chance to come between.
                if work.earlier is None:
                    await work.finish(FIRST)

        await asyncio.gather(deliver(), deliver())

        assert seen == [None, FIRST]

    async def test_a_conversation_begins_without_turns(self, ledger: Ledger) -> None:
        async with ledger.begin("acme", "desk", "msg_1") as work:
            conversation = await work.conversation("acme", "desk", "42")

        assert (conversation.turns, conversation.thread) == (0, ())
        assert (conversation.tenant, conversation.source, conversation.external_id) == ("acme", "desk", "42")

    async def test_what_is_saved_of_a_conversation_is_there_for_the_next_delivery(self, ledger: Ledger) -> None:
        said = ThreadMessage(author="customer", body="No certificate “yet”\n\n🙂", sent_at=NOON)
        async with ledger.begin("acme", "desk", "msg_1") as work:
            begun = await work.conversation("acme", "desk", "42")
            await work.save(replace(begun, turns=1, thread=(said,)))
        async with ledger.begin("acme", "desk", "msg_2") as work:
            found = await work.conversation("acme", "desk", "42")

        assert found == replace(begun, turns=1, thread=(said,))

    async def test_messages_of_one_conversation_at_once_get_a_turn_each(self, ledger: Ledger) -> None:
        async def write(ticket: str, number: int) -> int:
            async with ledger.begin("acme", "desk", f"msg_{ticket}_{number}") as work:
                return await _next_turn(work, external_id=ticket)

        # Several times, because a race is only seen once all connections are open.
        for round_number in range(20):
            ticket = str(round_number)
            turns = await asyncio.gather(*(write(ticket, number) for number in range(5)))
            assert sorted(turns) == [1, 2, 3, 4, 5]

    async def test_conversations_of_two_tenants_are_two_even_with_the_same_id(self, ledger: Ledger) -> None:
        found: list[Conversation] = []
        for tenant in ("acme", "globex"):
            async with ledger.begin(tenant, "desk", "msg_1") as work:
                await _next_turn(work, tenant=tenant)
                found.append(await work.conversation(tenant, "desk", "42"))

        assert found[0].conversation_id != found[1].conversation_id

    async def test_an_event_is_in_the_outbox_once_the_transaction_is_committed(
        self, ledger: Ledger, waiting: Waiting
    ) -> None:
        async with ledger.begin("acme", "desk", "msg_1") as work:
            await work.emit(A_TICKET)
            assert await waiting() == []

        [message] = await waiting()
        assert decode(TicketReceived, message) == A_TICKET
        assert (message.topic, message.key) == ("ticket-received", A_TICKET.key)
        assert message.headers["ce_id"] == str(A_TICKET.event_id)

    async def test_after_an_exception_nothing_is_left(self, ledger: Ledger, waiting: Waiting) -> None:
        async def fail() -> None:
            async with ledger.begin("acme", "desk", "msg_1") as work:
                await _next_turn(work)
                await work.emit(A_TICKET)
                await work.finish(FIRST)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()

        assert await waiting() == []
        async with ledger.begin("acme", "desk", "msg_1") as work:
            assert work.earlier is None
            assert (await work.conversation("acme", "desk", "42")).turns == 0

    async def test_hostile_ids_are_data_like_any_other(self, ledger: Ledger) -> None:
        hostile = "'; DROP TABLE intake.webhook; -- \\ %s :id 🙂" + "x" * 600
        async with ledger.begin("acme", "desk", hostile) as work:
            await work.finish(FIRST)
        async with ledger.begin("acme", "desk", hostile) as work:
            assert work.earlier == FIRST
            assert (await work.conversation("acme", "desk", hostile[:200])).external_id == hostile[:200]


async def _next_turn(work: LedgerWork, tenant: str = "acme", external_id: str = "42") -> int:
    conversation = await work.conversation(tenant, "desk", external_id)
    await asyncio.sleep(0)
    await work.save(replace(conversation, turns=conversation.turns + 1))
    return conversation.turns + 1
