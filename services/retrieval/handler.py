"""Looks for what may answer a ticket."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from contracts.events import Context, ContextRetrieved, Event, TicketClassified
from services.retrieval.ports import QueryEmbedder, Rewriter, Search
from services.retrieval.rules.rewriting import Rewriting, by_rules, mean_direction
from shared.embedding import Vectors


async def handle(
    event: TicketClassified,
    *,
    search: Search,
    embedder: QueryEmbedder,
    now: datetime,
    rewriter: Rewriter | None = None,
) -> Sequence[Event]:
    """The evidence for one ticket; finding nothing is a result too. Without a `rewriter` the rules put the query.

    Raises:
        DependencyDown: the store of knowledge cannot be reached.
    """
    asked = await rewriter.rewrite(event) if rewriter else by_rules(event.ticket)
    vector = await asyncio.to_thread(_vector, asked, embedder, event.classification.language)
    evidence = await search.search(event.tenant, asked.words, vector, language=event.classification.language)
    context = Context(
        evidence=evidence,
        query=asked.words,
        index_version=search.index_version,
        rewritten_by=asked.rewritten_by,
        usage=asked.usage,
    )
    return [ContextRetrieved.after(event, at=now, context=context)]


def _vector(asked: Rewriting, embedder: QueryEmbedder, language: str) -> Vectors:
    vectors = [embedder.embed_query(text, language) for text in asked.meanings]
    return vectors[0] if len(vectors) == 1 else mean_direction(vectors)
