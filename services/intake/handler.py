"""Turns what a helpdesk reported into events, with personal data replaced before anything is kept."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from contracts.events import Message, OutcomeObserved, Ticket, TicketReceived, case_id_of
from services.intake.ports import Conversation, LedgerWork, Pseudonyms, Receipt
from services.intake.rules import AgentWrote, CustomerWrote, Happening, OutcomeSeen
from shared.personal_data import tokenise

THREAD_MESSAGES_MAX = 20
THREAD_MESSAGE_CHARACTERS_MAX = 10_000
SEALED_CHARACTERS_MAX = 400_000


async def handle(
    happening: Happening,
    *,
    tenant: str,
    source: str,
    work: LedgerWork,
    people: Pseudonyms,
    trace_id: str,
    now: datetime,
    known_words: Collection[str] = (),
) -> Receipt:
    """This function will record what happened and emit its event; a repeated delivery changes nothing.

    `known_words` (in small letters) are the tenant's own, which are no one's name.
    """
    if work.earlier is not None:
        return work.earlier
    receipt = Receipt(case_id=None, trace_id=trace_id)
    match happening:
        case CustomerWrote():
            case_id = await _customer_wrote(happening, tenant, source, work, people, now, known_words)
            receipt = Receipt(case_id=case_id, trace_id=trace_id)
        case AgentWrote():
            conversation = await work.conversation(tenant, source, happening.external_id)
            body = tokenise(happening.body, {}, known_words)
            await work.save(_with_message(conversation, "agent", body, now))
        case OutcomeSeen():
            await _outcome_seen(happening, tenant, source, work, now)
    await work.finish(receipt)
    return receipt


async def _customer_wrote(
    wrote: CustomerWrote,
    tenant: str,
    source: str,
    work: LedgerWork,
    people: Pseudonyms,
    now: datetime,
    known_words: Collection[str],
) -> UUID:
    conversation = await work.conversation(tenant, source, wrote.external_id)
    turn = conversation.turns + 1
    case_id = case_id_of(conversation.conversation_id, turn)
    originals: dict[str, str] = {}
    subject = tokenise(wrote.subject, originals, known_words)
    body = tokenise(wrote.body, originals, known_words)
    event = TicketReceived(
        event_id=uuid5(case_id, TicketReceived.type),
        occurred_at=now,
        tenant=tenant,
        conversation_id=conversation.conversation_id,
        case_id=case_id,
        turn=turn,
        ticket=Ticket(
            source=source,
            external_id=wrote.external_id,
            channel=wrote.channel,
            requester=people.pseudonym(tenant, wrote.requester),
            subject=subject,
            body=body,
            thread=conversation.thread,
            sealed=_sealed(originals, people),
            received_at=now,
        ),
    )
    await work.emit(event)
    await work.save(replace(_with_message(conversation, "customer", body, now), turns=turn))
    return case_id


async def _outcome_seen(seen: OutcomeSeen, tenant: str, source: str, work: LedgerWork, now: datetime) -> None:
    conversation = await work.conversation(tenant, source, seen.external_id)
    if conversation.turns == 0:
        return  # A conversation that began before Handrail was connected; there is no case to learn from.
    case_id = case_id_of(conversation.conversation_id, conversation.turns)
    await work.emit(
        OutcomeObserved(
            event_id=uuid5(case_id, f"{OutcomeObserved.type}:{seen.outcome}:{now.isoformat()}"),
            occurred_at=now,
            tenant=tenant,
            conversation_id=conversation.conversation_id,
            case_id=case_id,
            turn=conversation.turns,
            outcome=seen.outcome,
            rating=seen.rating,
        )
    )


def _sealed(originals: dict[str, str], people: Pseudonyms) -> str:
    """Sealed, or nothing where a message is made of little else than personal data: its tokens then stay tokens."""
    sealed = people.seal(originals)
    return sealed if len(sealed) <= SEALED_CHARACTERS_MAX else ""


def _with_message(conversation: Conversation, author: str, body: str, now: datetime) -> Conversation:
    message = Message.model_validate({"author": author, "body": body[:THREAD_MESSAGE_CHARACTERS_MAX], "sent_at": now})
    return replace(conversation, thread=(*conversation.thread, message)[-THREAD_MESSAGES_MAX:])
