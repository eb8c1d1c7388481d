"""Consumes ticket-classified; produces context-retrieved."""

from collections.abc import Sequence

from contracts.events import ContextRetrieved, Event, TicketClassified
from services.retrieval import handler
from services.retrieval.adapters.embedding import TwoModels
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.ports import QueryEmbedder, Search
from services.retrieval.settings import RetrievalSettings
from shared.clock import Clock, now
from shared.database import async_engine
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage


def stages(search: Search, embedder: QueryEmbedder, clock: Clock = now) -> list[Stage]:
    """What retrieval does."""

    async def on_ticket_classified(event: TicketClassified) -> Sequence[Event]:
        return await handler.handle(event, search=search, embedder=embedder, now=clock())

    return [Stage(consumes=TicketClassified, produces=(ContextRetrieved,), run=on_ticket_classified)]


def main() -> None:
    """Runs the service."""
    settings = Settings()
    engine = async_engine(settings, "retrieval")
    embedder = TwoModels()
    search = PostgresKnowledge(engine, RetrievalSettings(), embedder.name)
    Service(name="retrieval", settings=settings, stages=stages(search, embedder), on_stop=[engine.dispose]).run()


if __name__ == "__main__":
    main()
