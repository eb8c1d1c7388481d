"""Reads what helpdesks send and says what happened, in the same words for all of them."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from contracts.pack import Pack

TEXT_CHARACTERS_MAX = 100_000
SUBJECT_CHARACTERS_MAX = 400
ID_CHARACTERS_MAX = 200
GENERIC_TYPES = ("message.created", "message.sent", "ticket.solved", "ticket.reopened", "ticket.rated")


class PayloadInvalid(Exception):
    """The webhook's body lacks something; the message names it, without quoting the customer."""


@dataclass(frozen=True, kw_only=True)
class CustomerWrote:
    """The customer's message, which opens a case."""

    external_id: str
    subject: str
    body: str
    channel: str
    requester: str


@dataclass(frozen=True, kw_only=True)
class AgentWrote:
    """A colleague's public reply; it belongs to the thread."""

    external_id: str
    body: str


@dataclass(frozen=True, kw_only=True)
class OutcomeSeen:
    """What came of the conversation."""

    external_id: str
    outcome: Literal["reopened", "solved", "rated"]
    rating: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """Nothing that Handrail acts on; `reason` says why."""

    reason: str


Happening = CustomerWrote | AgentWrote | OutcomeSeen | Ignored


def clean(value: object, characters_max: int = TEXT_CHARACTERS_MAX) -> str:
    """`value` as text that every store takes: no NUL, no lone surrogate, unified line ends, bounded length."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    text = text.encode("utf-8", "replace").decode().replace("\x00", "").replace("\r\n", "\n")
    return text[:characters_max].strip()


def _identifier(value: object, name: str) -> str:
    identifier = clean(value, ID_CHARACTERS_MAX)
    # As a step of a path, "." and ".." would lead elsewhere than to the ticket.
    if not identifier.isprintable() or identifier in ("", ".", ".."):
        raise PayloadInvalid(f"{name} is missing or not printable")
    return identifier


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise PayloadInvalid(f"{name} is no object")
    return value


def read_generic(payload: object) -> Happening:
    """What a generic webhook says: `{"type", "data": {...}}` (Standard Webhooks, "payload structure").

    Raises:
        PayloadInvalid: a needed field is missing.
    """
    envelope = _mapping(payload, "the body")
    if envelope.get("type") not in GENERIC_TYPES:
        return Ignored(reason="a type that is not acted on")
    data = _mapping(envelope.get("data"), "data")
    external_id = _identifier(data.get("ticket_id"), "data.ticket_id")
    match envelope.get("type"):
        case "message.created":
            requester = _mapping(data.get("requester") or {}, "data.requester")
            return _customer_wrote(
                external_id=external_id,
                subject=data.get("subject"),
                body=data.get("body"),
                channel=clean(data.get("channel") or "api", 40),
                requester=clean(requester.get("email") or requester.get("id"), ID_CHARACTERS_MAX),
            )
        case "message.sent":
            return AgentWrote(external_id=external_id, body=clean(data.get("body")))
        case "ticket.solved":
            return OutcomeSeen(external_id=external_id, outcome="solved")
        case "ticket.reopened":
            return OutcomeSeen(external_id=external_id, outcome="reopened")
        case "ticket.rated":
            rating = data.get("rating")
            if type(rating) is not int or not 1 <= rating <= 5:
                raise PayloadInvalid("data.rating is no whole number from 1 to 5")
            return OutcomeSeen(external_id=external_id, outcome="rated", rating=rating)
    raise AssertionError("every type in GENERIC_TYPES has its case")


def read_zendesk(payload: object) -> Happening:
    """What a Zendesk event-subscription webhook says (Zendesk developer documentation, "Ticket event types").

    Raises:
        PayloadInvalid: a needed field is missing.
    """
    envelope = _mapping(payload, "the body")
    event_type = str(envelope.get("type", "")).removeprefix("zen:event-type:")
    detail = _mapping(envelope.get("detail"), "detail")
    event = envelope.get("event") if isinstance(envelope.get("event"), dict) else {}
    external_id = _identifier(detail.get("id"), "detail.id")
    via = detail.get("via") if isinstance(detail.get("via"), dict) else {}
    common: dict[str, Any] = {
        "external_id": external_id,
        "subject": detail.get("subject"),
        "channel": clean((via or {}).get("channel") or "zendesk", 40),
        "requester": clean(detail.get("requester_id"), ID_CHARACTERS_MAX),
    }
    match event_type:
        case "ticket.created":
            return _customer_wrote(body=detail.get("description"), **common)
        case "ticket.comment_added":
            comment = _mapping(_mapping(event, "event").get("comment"), "event.comment")
            author = comment.get("author") if isinstance(comment.get("author"), dict) else {}
            if not comment.get("is_public"):
                return Ignored(reason="an internal note")
            if (author or {}).get("is_staff"):
                return AgentWrote(external_id=external_id, body=clean(comment.get("body")))
            return _customer_wrote(body=comment.get("body"), **common)
        case "ticket.status_changed":
            return _status_changed(external_id, _mapping(event, "event"))
        case _:
            return Ignored(reason="a type that is not acted on")


def _status_changed(external_id: str, event: Mapping[str, Any]) -> Happening:
    before, after = str(event.get("previous", "")).lower(), str(event.get("current", "")).lower()
    if after == "solved":
        return OutcomeSeen(external_id=external_id, outcome="solved")
    if before == "solved" and after in ("open", "new", "pending"):
        return OutcomeSeen(external_id=external_id, outcome="reopened")
    return Ignored(reason="a status that is not acted on")


def _customer_wrote(*, external_id: str, subject: object, body: object, channel: str, requester: str) -> Happening:
    text = clean(body)
    title = clean(subject, SUBJECT_CHARACTERS_MAX)
    if not text and not title:
        raise PayloadInvalid("the message has neither subject nor body")
    return CustomerWrote(
        external_id=external_id,
        subject=re.sub(r"\s+", " ", title),
        body=text or title,
        channel=channel,
        requester=requester or "unknown",
    )


READERS = {"generic": read_generic, "zendesk": read_zendesk}


def within_window(signed_at: datetime, now: datetime, window_seconds: float) -> bool:
    """Whether a signed instant (UTC where it names no zone) is near enough to `now`, either way."""
    aware = signed_at if signed_at.tzinfo else signed_at.replace(tzinfo=UTC)
    return abs((now - aware).total_seconds()) <= window_seconds


# A name that turns up in one example may be a customer's; what turns up in several is the pack's own.
_EXAMPLES_MIN = 3
_WORD = re.compile(r"[^\W\d_]+")


def own_words(pack: Pack) -> frozenset[str]:
    """The words, in small letters, by which the pack calls its company, products and features."""
    titles = [pack.title, *(queue.title for queue in pack.queues), *(intent.title for intent in pack.intents)]
    frame = [*pack.tone.greeting.values(), *pack.tone.closing.values(), *pack.tone.cannot_answer.values()]
    told = {word.lower() for text in (*titles, *frame) for word in _WORD.findall(text)}
    examples = (example.text for intent in pack.intents for example in intent.examples)
    # Within a sentence only: what is written in capitals there is a name for something.
    counts = Counter(word.lower() for text in examples for word in set(_WORD.findall(text)[1:]) if word[0].isupper())
    return frozenset(told | {word for word, count in counts.items() if count >= _EXAMPLES_MIN})
