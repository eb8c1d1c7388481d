"""Questions of a data set as tickets: the stages' own handlers, one after another, with no messages in between."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.events import (
    AnswerDrafted,
    AnswerValidated,
    ContextRetrieved,
    Event,
    Message,
    RedraftRequested,
    Ticket,
    TicketClassified,
    TicketReceived,
)
from contracts.pack import Pack
from services.classification import handler as classification
from services.classification.adapters.guarded import Guarded
from services.classification.adapters.model import TrainedClassifier
from services.classification.adapters.mood import MoodReader
from services.classification.adapters.store import load_model
from services.classification.ports import Domain
from services.classification.training import train
from services.drafting import handler as drafting
from services.drafting.ports import Tier
from services.retrieval import handler as retrieval
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.ingest import ingest
from services.retrieval.rules.passages import Document
from services.retrieval.settings import RetrievalSettings
from services.validation import handler as validation
from services.validation.adapters import ExpectingDetector, FileCalibrations, read_support
from services.validation.settings import ValidationSettings
from shared.embedding import Embedder
from shared.injection.detector import InjectionDetector
from shared.injection.spotting import OrderSpotter
from shared.language import detect_language
from shared.packs import load_pack

TENANT = "evaluation"
# A pack that knows no domain, as a company has it on its first day.
PACK = Path(__file__).parent.parent / "verticals" / "starter"
_CALIBRATION = Path(validation.__file__).parent / "evidence_calibration.json"
_NAMESPACE = UUID("0d5c3a43-6a2b-4c43-9f0e-6d6f3a1d9b10")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Question:
    """One question, with the earlier turns of its conversation as (`customer` or `agent`, text), oldest first."""

    question_id: str
    text: str
    history: tuple[tuple[str, str], ...] = ()


class Stages:
    """Classification, retrieval, drafting and validation, with the models that serve tickets."""

    def __init__(self, engine: AsyncEngine, english: Embedder, multilingual: Embedder, tiers: list[Tier]) -> None:
        """`engine` is of a migrated database; `english` and `multilingual` are what classification compares by."""
        self.pack: Pack = load_pack(PACK)
        self._tiers = tiers
        self._embedder = PassageEmbedder()
        self._store = PostgresKnowledge(engine, RetrievalSettings(), self._embedder.name)
        with tempfile.TemporaryDirectory() as folder:
            train(self.pack, english, multilingual, Path(folder))
            trained = TrainedClassifier(load_model(Path(folder)), english, multilingual)
        classifier = Guarded(trained, InjectionDetector(multilingual))
        self._domains = {TENANT: Domain(self.pack, classifier, MoodReader(english, multilingual))}
        self._languages = ExpectingDetector(self.pack)
        self._orders = OrderSpotter()
        self.embed = english.embed
        self._support = read_support(ValidationSettings().support_model)
        self._calibrations = FileCalibrations(Path("/nonexistent"), {TENANT: (self.pack, PACK)}, _CALIBRATION)

    async def learn(self, documents: list[Document], collection: str = TENANT) -> None:
        """This function will ingest documents as the knowledge of the tenant `collection`."""
        store = self._store
        await ingest(
            collection, "evaluation", documents, store=store, embedder=self._embedder, index_version=store.index_version
        )

    async def retrieved(self, question: Question, collection: str = TENANT) -> ContextRetrieved:
        """The question as a classified ticket, with the evidence that the tenant `collection` has for it."""
        event = await self._classified(question)
        asked = event.model_copy(update={"tenant": collection})
        [found] = await retrieval.handle(asked, search=self._store, embedder=self._embedder, now=_NOW)
        assert isinstance(found, ContextRetrieved)
        return found.model_copy(update={"tenant": TENANT})

    async def drafted(self, event: Event) -> AnswerDrafted:
        """The draft of the first tier, or of the one that validation wished for."""
        assert isinstance(event, ContextRetrieved | RedraftRequested)
        [found] = await drafting.handle(event, tiers=self._tiers, pack=self.pack, now=_NOW)
        assert isinstance(found, AnswerDrafted)
        return found

    async def answered(self, event: ContextRetrieved) -> AnswerValidated:
        """The draft that validation settles on, after as many tiers as it thought worth their price."""
        current: Event = event
        while not isinstance(current, AnswerValidated):
            drafted = await self.drafted(current)
            [current] = await validation.handle(
                drafted,
                pack=self.pack,
                languages=self._languages,
                calibrations=self._calibrations,
                orders=self._orders,
                embed=self.embed,
                now=_NOW,
                support=self._support,
            )
        return current

    async def _classified(self, question: Question) -> TicketClassified:
        received = ticket_received(question, TENANT)
        [found] = await classification.handle(
            received, domains=self._domains, detect_language=detect_language, now=_NOW
        )
        assert isinstance(found, TicketClassified)
        return found


def ticket_received(question: Question, tenant: str) -> TicketReceived:
    """The event with which intake would pass the question on, always the same for one question."""
    event_id = uuid5(_NAMESPACE, question.question_id)
    thread = tuple(
        Message(author="agent" if author == "agent" else "customer", body=body, sent_at=_NOW - timedelta(minutes=age))
        for age, (author, body) in zip(range(len(question.history), 0, -1), question.history, strict=True)
    )
    ticket = Ticket(
        source="evaluation", external_id="", requester="", body=question.text, thread=thread, received_at=_NOW
    )
    return TicketReceived(
        event_id=event_id,
        occurred_at=_NOW,
        tenant=tenant,
        conversation_id=event_id,
        case_id=event_id,
        turn=1,
        ticket=ticket,
    )
