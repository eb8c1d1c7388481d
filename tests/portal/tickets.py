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
    Flag,
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
        "ticket": Ticket(
            source="zendesk",
            external_id=external_id,
            requester="9f2c71aa04be",
            subject=changes.pop("subject", "No certificate for [URL_1] since the move"),
            body=changes.pop(
                "body",
                "Hi,\n\nI moved [URL_1] to you on Monday and visitors still get a certificate warning. The panel only "
                "says “pending”. We sell tickets for Friday's concert, so this is costing us money.\n\nPlease call "
                "[PHONE_1] or write to [EMAIL_1].\n\nThanks,\n[NAME_1]",
            ),
            thread=changes.pop(
                "thread",
                (
                    Message(
                        author="customer",
                        body="How long does a certificate take after moving a domain?",
                        sent_at=received_at - timedelta(days=1),
                    ),
                    Message(
                        author="agent",
                        body="Usually minutes once DNS points to us.",
                        sent_at=received_at - timedelta(hours=22),
                    ),
                ),
            ),
            received_at=received_at,
        ),
        "classification": Classification(
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
        ),
        "context": Context(
            evidence=(
                evidence(1, "Why a certificate is not issued", CAA_TEXT, "CAA records"),
                evidence(2, "Point a domain to your app", DNS_TEXT),
                evidence(3, "Limits on certificates", LIMIT_TEXT),
            ),
            query="certificate pending",
        ),
        "draft": draft,
        "validation": Validation(
            verdict="warn",
            claims=tuple(
                ClaimVerdict(claim=sentence, supported=number < 3, support=0.9 if number < 3 else 0.2)
                for number, sentence in enumerate(DRAFT_SENTENCES)
            ),
            findings=(
                Finding(
                    code="unsupported_claim",
                    severity="blocking",
                    message="No evidence supports “Your certificate will be ready within ten minutes.”",
                ),
                Finding(code="mood", severity="info", message="The customer is losing money; an apology may help."),
            ),
            confidence=changes.pop("confidence", 0.72),
            confidence_sample_size=changes.pop("sample_size", 143),
            model_version="lexical-2",
            policy_version="hosting-1",
        ),
        "kind": "review",
        "queue": "domains",
        "priority": "high",
        "reasons": (
            Finding(
                code="unsupported_claim",
                severity="blocking",
                message="No evidence supports “Your certificate will be ready within ten minutes.”",
            ),
            Finding(
                code="low_confidence",
                severity="warning",
                message="72 % sure, below the 90 % at which answers are sent by themselves.",
            ),
        ),
        "due_at": received_at + timedelta(hours=2),
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    return ReviewRequested(**{**fields, **changes})


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


# Subject, first words, intent, queue, priority, minutes until due, kind, reason, confidence.
WAITING = (
    ("Someone else is logged in to our account!!", "I see an API token that none of us made.", "account_takeover",
     "security", "urgent", -12, "specialist", "Possible security incident: always for a specialist.", 0.41),
    ("refund for march", "we cancelled in feb but you charged [CARD_1] again", "refund_request", "billing", "high",
     -3, "specialist", "Refunds are always decided by a person.", 0.77),
    ("502 after deploy", "Since the deploy at 9:40 every request to [URL_1] returns 502.", "deploy_failed",
     "platform", "high", 18, "review", "Two articles disagree about the health-check time-out.", 0.63),
    ("Sicherung vom Sonntag wiederherstellen", "Wie stelle ich die Datenbank von Sonntag 3 Uhr wieder her?",
     "backup_restore", "databases", "high", 26, "review", "The answer is in German, its evidence in English.", 0.71),
    ("What counts as bandwidth?", "Is traffic between two of my apps billed?", "billing_usage", "billing", "normal",
     75, "review", "One of two questions is left unanswered.", 0.68),
    ("API returns 429 at night", "Our nightly job gets 429 after about 600 calls.", "rate_limits", "platform",
     "normal", 140, "review", "68 % sure, below the 90 % at which answers are sent by themselves.", 0.68),
    ("Cancel and delete everything", "Please delete our account and all personal data, see GDPR article 17.",
     "account_closure", "legal", "normal", 205, "specialist", "Legal request: always for a specialist.", 0.35),
    ("Move two domains to another team", "We split the company; example-two goes to [EMAIL_1].", "domain_transfer",
     "domains", "normal", 260, "review", "Account ownership: a person has to check it.", 0.58),
    ("how do i add redis", "tiny shop app, need sessions", "addons", "databases", "low", 1300, "review",
     "Chosen at random for checking.", 0.96),
)


def desk_of(now: datetime) -> list[ReviewRequested]:
    """A believable queue at the instant `now`."""
    requests = [review_requested(received_at=now - timedelta(hours=1, minutes=23), due_at=now + timedelta(minutes=37))]
    for subject, body, intent, queue, priority, minutes, kind, reason, confidence in WAITING:
        requests.append(
            review_requested(
                subject=subject,
                body=body,
                thread=(),
                intent=intent,
                queue=queue,
                priority=priority,
                kind=kind,
                confidence=confidence,
                received_at=now - timedelta(hours=2),
                due_at=now + timedelta(minutes=minutes),
                reasons=(Finding(code="why", severity="warning", message=reason),),
                flags=(Flag(flag="security_incident", probability=0.93),) if queue == "security" else (),
            )
        )
    return requests
