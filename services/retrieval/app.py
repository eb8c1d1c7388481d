"""Consumes ticket-classified, feedback-recorded; produces context-retrieved."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from contracts.events import ContextRetrieved, Event, FeedbackRecorded, TicketClassified
from services.retrieval import handler
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.knowledge import Close, Knowledge, open_knowledge
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.adapters.solved import PostgresAnswers
from services.retrieval.ingest import learn
from services.retrieval.ports import QueryEmbedder, Rewriter, Search
from services.retrieval.settings import RetrievalSettings
from shared.clock import Clock, now
from shared.personal_data import find_replaced
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage
from shared.tenants import load_tenants

log = structlog.get_logger(__name__)

Learn = Callable[[FeedbackRecorded], Awaitable[bool]]


def stages(
    search: Search, embedder: QueryEmbedder, learn: Learn, clock: Clock = now, rewriter: Rewriter | None = None
) -> list[Stage]:
    """What retrieval does. `learn` makes evidence of an approved answer; without a `rewriter` rules put the query."""

    async def on_ticket_classified(event: TicketClassified) -> Sequence[Event]:
        return await handler.handle(event, search=search, embedder=embedder, now=clock(), rewriter=rewriter)

    async def on_feedback_recorded(event: FeedbackRecorded) -> Sequence[Event]:
        await learn(event)
        return ()

    return [
        Stage(consumes=TicketClassified, produces=(ContextRetrieved,), run=on_ticket_classified),
        Stage(consumes=FeedbackRecorded, produces=(), run=on_feedback_recorded),
    ]


def personal_texts(text: str) -> list[str]:
    """The pieces of `text` that are personal data."""
    return [text[found.start : found.end] for found in find_replaced(text)]


async def learn_nothing(event: FeedbackRecorded) -> bool:
    """Where there is no store of answers."""
    return False


def learning(search: Knowledge, embedder: PassageEmbedder, settings: Settings, kept: int) -> Learn:
    """Learns for the tenants that want it, if any answers are to be kept at all and the store can keep them."""
    if not isinstance(search, PostgresKnowledge):
        log.warning("approved answers do not become evidence: they need PostgreSQL, and knowledge is in OpenSearch")
        return learn_nothing
    tenants = load_tenants(settings.tenants_file).values()
    willing = {tenant.id for tenant in tenants if tenant.learn_answers and kept}
    learn_answer = partial(
        learn,
        answers=PostgresAnswers(search),
        embedder=embedder,
        personal_data=personal_texts,
        index_version=search.index_version,
        kept=kept,
    )

    async def learn_where_wanted(event: FeedbackRecorded) -> bool:
        return event.tenant in willing and await learn_answer(event)

    return learn_where_wanted


def build_rewriter(settings: Settings, own: RetrievalSettings) -> tuple[Rewriter | None, list[Close]]:
    """The model that puts queries, if there is to be one, and what closes it.

    Raises:
        TiersInvalid: the tiers file cannot be used.
    """
    if own.rewriter == "rules":
        return None, []
    from services.retrieval.adapters.rewriting import open_rewriter  # noqa: PLC0415 (30 MB that only asking needs)

    return open_rewriter(settings, own)


def main() -> None:
    """Runs the service."""
    settings, own = Settings(), RetrievalSettings()
    embedder = PassageEmbedder()
    search, close = open_knowledge(settings, own, embedder, "retrieval")
    learn_answer = learning(search, embedder, settings, own.solved_answers_max)
    rewriter, closers = build_rewriter(settings, own)
    work = stages(search, embedder, learn_answer, rewriter=rewriter)
    Service(name="retrieval", settings=settings, stages=work, on_stop=[*closers, close]).run()


if __name__ == "__main__":
    main()
