"""Looks for what may answer a ticket."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from contracts.events import Context, ContextRetrieved, Event, TicketClassified
from services.retrieval.ports import QueryEmbedder, Search
from services.retrieval.rules.query import build_query, with_topic


async def handle(event: TicketClassified, *, search: Search, embedder: QueryEmbedder, now: datetime) -> Sequence[Event]:
    """The evidence for one ticket; finding nothing is a result too.

    Raises:
        DependencyDown: the store of knowledge cannot be reached.
    """
    earlier = [message.body for message in event.ticket.thread if message.author == "customer"]
    query = with_topic(build_query(event.ticket.subject, event.ticket.body), earlier)
    vector = await asyncio.to_thread(embedder.embed_query, query, event.classification.language)
    evidence = await search.search(event.tenant, query, vector)
    context = Context(evidence=evidence, query=query, index_version=search.index_version)
    return [ContextRetrieved.after(event, at=now, context=context)]
