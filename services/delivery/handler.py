"""Sends an answer once: looks whether it is there already before every try but the first."""

from datetime import datetime

from contracts.events import AnswerDelivered
from services.delivery.ports import Helpdesk, Helpdesks, HelpdeskUnreachable, Sending, Sendings
from services.delivery.rules import Attempted, Next, after
from shared.personal_data import restore
from shared.vault import SealBroken, Vault


def send(sending: Sending, *, helpdesks: Helpdesks, vault: Vault) -> Attempted:
    """This function will try once to bring one claimed answer to its helpdesk."""
    helpdesk = helpdesks.of(sending.released)
    if helpdesk is None:
        return Attempted(result="refused", error="the helpdesk is no longer configured")
    try:
        text = restore(sending.released.answer.text, vault.open(sending.released.sealed))
    except SealBroken as error:
        return Attempted(result="refused", error=str(error))
    if sending.attempts > 1 and (found := _already_there(helpdesk, sending)) is not None:
        return found
    return helpdesk.reply(sending, text)


def _already_there(helpdesk: Helpdesk, sending: Sending) -> Attempted | None:
    try:
        receipt = helpdesk.find_reply(sending)
    except HelpdeskUnreachable as error:
        return Attempted(result="unclear", error=str(error))
    return Attempted(result="accepted", receipt=receipt) if receipt is not None else None


def attempt(
    sending: Sending,
    *,
    sendings: Sendings,
    helpdesks: Helpdesks,
    vault: Vault,
    attempts_max: int,
    backoff_seconds_max: float,
    now: datetime,
) -> tuple[Attempted, Next]:
    """This function will try to send a claimed answer, keep how that went, and report what is final.

    Returns how the attempt went and what follows from it.
    """
    attempted = send(sending, helpdesks=helpdesks, vault=vault)
    then = after(
        attempted, attempts=sending.attempts, attempts_max=attempts_max, backoff_seconds_max=backoff_seconds_max
    )
    event = None
    if then.status != "pending":
        event = AnswerDelivered.after(
            sending.released,
            at=now,
            status=then.status,
            receipt=attempted.receipt[:500],
            error=attempted.error[:500],
            attempts=sending.attempts,
        )
    sendings.report(sending, attempted, then, event)
    return attempted, then
