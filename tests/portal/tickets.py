"""Requests for review as escalation sends them, for a hosting company's support."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from contracts.events import (
    Citation,
    ClaimVerdict,
    Classification,
    Context,
    Draft,
    Evidence,
    Finding,
    Message,
    RankedIntent,
    ReviewRequested,
    Ticket,
    TicketReceived,
    Usage,
    Validation,
    case_id_of,
    conversation_id_of,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

CAA_TEXT = (
    "Certificates are issued once the name points to the platform. If the domain has a CAA record, it must allow "
    "letsencrypt.org; other values stop the issue without an error in the panel. After a change of DNS the platform "
    "tries again every hour, and at once when you press Retry under Domains, Certificate."
)
DNS_TEXT = (
    "Point the apex with an A record to the address shown under Domains, and www with a CNAME to your app's name. A "
    "change of DNS can take as long as the record's old TTL, often an hour, and at most two days, to be seen by all."
)
LIMIT_TEXT = (
    "A team may ask for five certificates of the same name in one week. After that the authority refuses new ones "
    "until the week is over, whichever plan you are on."
)
DRAFT_SENTENCES = (
    "If your domain has a CAA record, it must allow letsencrypt.org.",
    "After you change it, press Retry under Domains, Certificate, or wait: the platform tries again every hour.",
    "A change of DNS can take as long as the record's old TTL, often an hour.",
    "Your certificate will be ready within ten minutes.",
)


def evidence(number: int, title: str, text: str, heading: str = "") -> Evidence:
    """A passage of the knowledge base."""
    return Evidence(
        evidence_id=f"e{number}",
        document_id=f"kb-{number}",
        title=title,
        url=f"https://help.example.com/articles/{number}",
        heading=heading,
        text=text,
        start=0,
        end=len(text),
        score=1.0 / number,
        similarity=0.8 - number / 20,
    )


def tls_draft() -> Draft:
    """An answer of four sentences; the last one has no evidence."""
    body = " ".join(DRAFT_SENTENCES)
    text = f"Hello [NAME_1],\n\n{body}\n\nKind regards\nSupport"
    quotes = (
        ("e1", "it must allow letsencrypt.org"),
        ("e1", "After a change of DNS the platform tries again every hour, and at once when you press Retry"),
        ("e2", "A change of DNS can take as long as the record's old TTL, often an hour"),
    )
    citations = []
    for number, (sentence, (evidence_id, quote)) in enumerate(zip(DRAFT_SENTENCES, quotes, strict=False), start=1):
        start = text.index(sentence)
        citations.append(
            Citation(
                number=number,
                evidence_id=evidence_id,
                document_id=f"kb-{evidence_id[1:]}",
                quote=quote,
                start=start,
                end=start + len(sentence),
            )
        )
    return Draft(
        text=text,
        citations=tuple(citations),
        drafter="extractive",
        model="extractive-1",
        usage=Usage(latency_seconds=0.042),
    )


BODY = (
    "Hi,\n\nI moved [URL_1] to you on Monday and visitors still get a certificate warning. The panel only "
    "says “pending”. We sell tickets for Friday's concert, so this is costing us money.\n\nPlease call "
    "[PHONE_1] or write to [EMAIL_1].\n\nThanks,\n[NAME_1]"
)
UNSUPPORTED = Finding(
    code="unsupported_claim",
    severity="blocking",
    message="No evidence supports “Your certificate will be ready within ten minutes.”",
)
REASONS = (
    UNSUPPORTED,
    Finding(
        code="low_confidence",
        severity="warning",
        message="72 % sure, below the 90 % at which answers are sent by themselves.",
    ),
)


def review_requested(**changes: Any) -> ReviewRequested:
    """A request for review of a certificate that is not issued; `subject`, `body`, `intent`, `text` are short cuts.

    `external_id` makes the conversation, `turn` the case, as intake does.
    """
    tenant = changes.pop("tenant", "acme")
    turn = changes.pop("turn", 1)
    external_id = changes.pop("external_id", uuid4().hex[:8])
    conversation_id = conversation_id_of(tenant, "zendesk", external_id)
    received_at = changes.pop("received_at", NOON)
    draft = changes.pop("draft", None) or tls_draft()
    if (text := changes.pop("text", None)) is not None:
        draft = Draft(text=text, drafter="extractive", model="extractive-1")
    fields: dict[str, Any] = {
        "event_id": uuid4(),
        "occurred_at": received_at,
        "tenant": tenant,
        "conversation_id": conversation_id,
        "case_id": case_id_of(conversation_id, turn),
        "turn": turn,
        "ticket": _ticket(changes, external_id, received_at),
        "classification": _classification(changes),
        "context": Context(
            evidence=(
                evidence(1, "Why a certificate is not issued", CAA_TEXT, "CAA records"),
                evidence(2, "Point a domain to your app", DNS_TEXT),
                evidence(3, "Limits on certificates", LIMIT_TEXT),
            ),
            query="certificate pending",
        ),
        "draft": draft,
        "validation": _validation(changes),
        "kind": "review",
        "queue": "domains",
        "priority": "high",
        "reasons": REASONS,
        "due_at": received_at + timedelta(hours=2),
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    return ReviewRequested(**{**fields, **changes})


def _ticket(changes: dict[str, Any], external_id: str, received_at: datetime) -> Ticket:
    question = Message(
        author="customer",
        body="How long does a certificate take after moving a domain?",
        sent_at=received_at - timedelta(days=1),
    )
    reply = Message(
        author="agent", body="Usually minutes once DNS points to us.", sent_at=received_at - timedelta(hours=22)
    )
    return Ticket(
        source="zendesk",
        external_id=external_id,
        requester="9f2c71aa04be",
        subject=changes.pop("subject", "No certificate for [URL_1] since the move"),
        body=changes.pop("body", BODY),
        thread=changes.pop("thread", (question, reply)),
        received_at=received_at,
    )


def _classification(changes: dict[str, Any]) -> Classification:
    return Classification(
        intents=(
            RankedIntent(intent=changes.pop("intent", "tls_not_issued"), probability=0.81),
            RankedIntent(intent="dns_records", probability=0.12),
        ),
        out_of_scope=0.03,
        questions=1,
        priority="high",
        sentiment=-0.4,
        language="en",
        flags=changes.pop("flags", ()),
        route="answer",
        queue="domains",
        model_version="hosting-5be1",
    )


def _validation(changes: dict[str, Any]) -> Validation:
    return Validation(
        verdict="warn",
        claims=tuple(
            ClaimVerdict(claim=sentence, supported=number < 3, support=0.9 if number < 3 else 0.2)
            for number, sentence in enumerate(DRAFT_SENTENCES)
        ),
        findings=(
            UNSUPPORTED,
            Finding(code="mood", severity="info", message="The customer is losing money; an apology may help."),
        ),
        confidence=changes.pop("confidence", 0.72),
        confidence_sample_size=changes.pop("sample_size", 143),
        model_version="lexical-2",
        policy_version="hosting-1",
    )


def ticket_received(request: ReviewRequested, *, turn: int) -> TicketReceived:
    """The customer writes again in the same conversation."""
    return TicketReceived(
        event_id=uuid4(),
        occurred_at=request.occurred_at,
        tenant=request.tenant,
        conversation_id=request.conversation_id,
        case_id=case_id_of(request.conversation_id, turn),
        turn=turn,
        ticket=request.ticket,
    )
