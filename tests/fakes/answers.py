"""Approved answers in memory, found by the same search as the articles."""

from collections.abc import Mapping, MutableSequence, Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.events import Evidence
from services.retrieval.rules.passages import Chunk, Document


class FakeAnswers:
    """The port `AnswerStore`, over one tenant's passages; versions of articles are not looked at."""

    def __init__(self, passages: Mapping[str, MutableSequence[Evidence]]) -> None:
        self._passages = passages
        self.learned: dict[tuple[str, str], Document] = {}

    async def learn(
        self,
        tenant: str,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        vectors: NDArray[np.float32],
        *,
        sources: Mapping[str, str],
        kept: int,
    ) -> bool:
        known = self.learned.get((tenant, document.document_id))
        if known is not None and (known.updated_at or document.updated_at) >= document.updated_at:  # type: ignore[operator]
            return False
        self.learned[tenant, document.document_id] = document
        for chunk in chunks:
            self._passages[tenant].append(
                Evidence(
                    evidence_id=f"{document.document_id}@{version}:{chunk.start}",
                    document_id=document.document_id,
                    title=document.title,
                    text=chunk.text,
                    start=chunk.start,
                    end=chunk.end,
                    score=0.0,
                    similarity=0.0,
                    document_version=version,
                )
            )
        return True
