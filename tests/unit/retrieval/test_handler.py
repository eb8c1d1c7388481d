"""The story of retrieval: a ticket in, evidence out."""

import numpy as np
from numpy.typing import NDArray

from contracts.events import ContextRetrieved, Evidence, TicketClassified
from services.retrieval.handler import handle
from tests.unit.cases import HEAD, NOON, classification, evidence, ticket


class RecordingSearch:
    """Remembers what was searched for."""

    index_version = "index-1"

    def __init__(self, *found: Evidence) -> None:
        self.found = found
        self.searches: list[tuple[str, str]] = []

    async def search(
        self, tenant: str, query: str, vector: NDArray[np.float32], *, language: str = ""
    ) -> tuple[Evidence, ...]:
        self.searches.append((tenant, query))
        return self.found


class LanguageEmbedder:
    """Remembers the languages of the queries."""

    def __init__(self) -> None:
        self.languages: list[str] = []

    def embed_query(self, query: str, language: str) -> NDArray[np.float32]:
        self.languages.append(language)
        return np.zeros(4, dtype=np.float32)


def classified(body: str, language: str = "en") -> TicketClassified:
    return TicketClassified(**HEAD, ticket=ticket(body), classification=classification(language=language))


async def test_the_evidence_is_found_for_the_ticket_s_tenant_and_language() -> None:
    search, embedder = RecordingSearch(evidence()), LanguageEmbedder()
    event = classified("Wie kann ich zurückrollen?", "de")

    [result] = await handle(event, search=search, embedder=embedder, now=NOON)

    assert isinstance(result, ContextRetrieved)
    assert result.context.evidence == (evidence(),)
    assert result.context.index_version == "index-1"
    assert (result.ticket, result.classification) == (event.ticket, event.classification)
    assert search.searches == [(event.tenant, result.context.query)]
    assert embedder.languages == ["de"]


async def test_finding_nothing_is_a_result() -> None:
    [result] = await handle(classified("?"), search=RecordingSearch(), embedder=LanguageEmbedder(), now=NOON)

    assert isinstance(result, ContextRetrieved)
    assert result.context.evidence == ()
