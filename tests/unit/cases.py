"""Small events and packs for tests of the stages; every builder takes what a test wants to be different."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from contracts.events import (
    AnswerDrafted,
    AnswerValidated,
    Citation,
    Classification,
    Context,
    ContextRetrieved,
    Draft,
    Evidence,
    Flag,
    RankedIntent,
    Ticket,
    Validation,
)
from contracts.pack import ContentPolicy, FlagDefinition, Intent, IntentExample, Pack, Queue, Thresholds, Tone

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CASE = UUID("00000000-0000-4000-8000-000000000001")
HEAD: dict[str, Any] = {
    "event_id": CASE,
    "occurred_at": NOON,
    "tenant": "demo",
    "conversation_id": CASE,
    "case_id": CASE,
    "turn": 1,
}

ROLLBACK_TEXT = """## Roll back

A rollback puts an earlier release back into service at once. It does not touch the database.

To roll back from the command line:

1. List the releases with `nq releases`.
2. Choose the release number.
3. Run `nq rollback v12`.

## Limits

The last 20 releases are kept."""
INVOICE_TEXT = """Invoices are sent on the 1st of each month by email. You can also download every invoice
in Console > Billing. Write to billing@northquay.example if one is missing."""


def evidence(document_id: str = "rollback-a-release", text: str = ROLLBACK_TEXT, **fields: Any) -> Evidence:
    values = {
        "evidence_id": f"{document_id}:0",
        "title": document_id.replace("-", " ").capitalize(),
        "url": f"https://help.northquay.example/{document_id}",
        "start": 0,
        "end": len(text),
        "score": 0.2,
        "similarity": 0.6,
        "lexical": 8.0,
        **fields,
    }
    return Evidence(document_id=document_id, text=text, **values)


def invoices(**fields: Any) -> Evidence:
    values = {"score": 0.1, "similarity": 0.3, "lexical": 2.0, **fields}
    return evidence("invoices-and-receipts", INVOICE_TEXT, **values)


def ticket(body: str = "How do I roll back to an earlier release?", **fields: Any) -> Ticket:
    values = {"source": "generic", "external_id": "7", "requester": "p1", "received_at": NOON, **fields}
    return Ticket(body=body, **values)


def classification(**fields: Any) -> Classification:
    values: dict[str, Any] = {
        "intents": (
            RankedIntent(intent="deploy_rollback", probability=0.9),
            RankedIntent(intent="billing_refund", probability=0.05),
        ),
        "out_of_scope": 0.05,
        "priority": "normal",
        "sentiment": 0.0,
        "language": "en",
        "route": "answer",
        "queue": "deployments",
        "model_version": "test",
        **fields,
    }
    return Classification(**values)


def retrieved(*passages: Evidence, **fields: Any) -> ContextRetrieved:
    found = passages or (evidence(), invoices())
    values = {
        "ticket": ticket(),
        "classification": classification(),
        "context": Context(evidence=found, query="q"),
        **fields,
    }
    return ContextRetrieved(**HEAD, **values)


GOOD_QUOTE = "A rollback puts an earlier release back into service at once."


def draft(text: str = f"Hello,\n\n{GOOD_QUOTE} [1]\n\nKind regards", quote: str = GOOD_QUOTE, **fields: Any) -> Draft:
    start = max(text.find(quote), 0)
    citation = Citation(
        number=1,
        evidence_id="rollback-a-release:0",
        document_id="rollback-a-release",
        quote=quote,
        start=start,
        end=start + len(quote),
    )
    values = {"citations": (citation,), "drafter": "extractive", "model": "test", **fields}
    return Draft(text=text, **values)


def drafted(answer: Draft | None = None, **fields: Any) -> AnswerDrafted:
    base = retrieved()
    values = {"ticket": base.ticket, "classification": base.classification, "context": base.context, **fields}
    return AnswerDrafted(**HEAD, draft=answer or draft(), **values)


def validation(**fields: Any) -> Validation:
    values: dict[str, Any] = {
        "verdict": "pass",
        "confidence": 0.97,
        "confidence_sample_size": 700,
        "model_version": "test",
        "policy_version": "test@1",
        **fields,
    }
    return Validation(**values)


def validated(**fields: Any) -> AnswerValidated:
    base = drafted()
    values = {
        "ticket": base.ticket,
        "classification": base.classification,
        "context": base.context,
        "draft": base.draft,
        "validation": validation(),
        **fields,
    }
    return AnswerValidated(**HEAD, **values)


def flag(name: str, probability: float = 0.6) -> Flag:
    return Flag(flag=name, probability=probability)


def intent(intent_id: str, autonomy: str, *articles: str, queue: str = "deployments") -> Intent:
    return Intent.model_validate(
        {
            "id": intent_id,
            "title": intent_id.replace("_", " "),
            "description": "",
            "queue": queue,
            "articles": articles,
            "autonomy": autonomy,
            "examples": tuple(IntentExample(text=f"{intent_id} {n}", articles=articles) for n in range(5)),
        }
    )


def pack(**fields: Any) -> Pack:
    values: dict[str, Any] = {
        "name": "test",
        "version": "1.0.0",
        "title": "Test",
        "languages": ("en", "de"),
        "knowledge_languages": ("en",),
        "tone": Tone(
            greeting={"en": "Hello,", "de": "Guten Tag,"},
            closing={"en": "Kind regards", "de": "Freundliche Grüße"},
            cannot_answer={"en": "We could not find an answer to this:", "de": "Dazu haben wir nichts gefunden:"},
        ),
        "queues": (Queue(id="deployments", title="Deployments"), Queue(id="trust", title="Trust desk")),
        "first_response_minutes": {"urgent": 60, "high": 240, "normal": 1440},
        "policies": (
            ContentPolicy(
                id="promise_refund",
                title="Promises a refund",
                kind="forbidden_promise",
                patterns=(r"\bwe\s+will\s+refund\b",),
                message="Only a person in Billing decides refunds.",
            ),
        ),
        "thresholds": Thresholds(release_confidence=0.9),
        "intents": (
            intent("deploy_rollback", "auto", "rollback-a-release"),
            intent("billing_invoice", "suggest", "invoices-and-receipts"),
            intent("billing_refund", "off", "refund-policy"),
        ),
        "flags": {
            "security": FlagDefinition(description="A breach.", queue="trust", examples=("a", "b", "c", "d", "e"))
        },
        **fields,
    }
    return Pack(**values)
