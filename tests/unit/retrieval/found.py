"""Candidates for the tests of ranking."""

from datetime import datetime
from typing import Any

from services.retrieval.rules.ranking import FEATURES, Candidate, RankingModel
from tests.unit.cases import evidence

EVEN = RankingModel(tuple(1.0 for _ in FEATURES), "even")


def candidate(
    document_id: str,
    *,
    text: str = "",
    lexical: float = 0.0,
    similarity: float = 0.5,
    matched: str = "",
    title: str = "",
    start: int = 0,
    updated_at: datetime | None = None,
    **changes: Any,
) -> Candidate:
    """A passage of the article `document_id`; `matched` and `title` are terms with spaces between."""
    passage = evidence().model_copy(
        update={
            "evidence_id": f"{document_id}@1:{start}",
            "document_id": document_id,
            "text": text or f"What {document_id} says.",
            "start": start,
            "lexical": lexical,
            "similarity": similarity,
        }
    )
    return Candidate(
        evidence=passage,
        english_cosine=changes.get("english_cosine", 0.8 * similarity),
        matched=frozenset(matched.split()),
        title=frozenset(title.split()),
        updated_at=updated_at,
    )
