"""Cases that a person decided, for tests of learning from them."""

from datetime import datetime
from typing import Any

from contracts.events import (
    Citation,
    Classification,
    Context,
    Decision,
    Draft,
    Evidence,
    FeedbackRecorded,
    Ticket,
    Validation,
)
from tests.unit.cases import HEAD, NOON, classification, ticket


def approved(
    question: str,
    answer: str,
    *found: Evidence,
    action: Any = "edit",
    at: datetime = NOON,
    cites: bool = True,
    intent: Classification | None = None,
    asked: Ticket | None = None,
    **fields: Any,
) -> FeedbackRecorded:
    """An answer to a question that a person approved; its draft cites what was found, in order."""
    marks = tuple(
        Citation(
            number=number, evidence_id=e.evidence_id, document_id=e.document_id, quote=e.text[:100], start=0, end=1
        )
        for number, e in enumerate(found if cites else (), start=1)
    )
    values: dict[str, Any] = {
        **HEAD,
        "ticket": asked or ticket(question),
        "classification": intent or classification(),
        "context": Context(evidence=found, query=question[:1_000]),
        "draft": Draft(text="A draft.", citations=marks, drafter="extractive", model="none"),
        "validation": Validation(verdict="warn", confidence=0.5, model_version="1", policy_version="1"),
        "decided_by": "person",
        "decision": Decision(action=action, final_text=answer, reviewer="rita", decided_at=at),
        **fields,
    }
    return FeedbackRecorded(**values)
