"""All services in one process: the real stages over a bus in memory, with fakes at the edges of the world."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from cryptography.fernet import Fernet
from pydantic import SecretStr

from contracts.events import (
    AnswerDelivered,
    Decision,
    FeedbackRecorded,
    ReviewCompleted,
    ReviewRequested,
    TicketClassified,
    TicketReceived,
)
from services.classification import handler as classification
from services.classification.ports import Domain
from services.delivery import app as delivery
from services.delivery import handler as sending
from services.drafting import app as drafting
from services.drafting.adapters.extractive import ExtractiveDrafter
from services.drafting.ports import Tier
from services.escalation import app as escalation
from services.feedback import app as feedback
from services.intake.adapters import VaultPseudonyms
from services.intake.app import build_app
from services.intake.settings import IntakeSettings
from services.retrieval import app as retrieval
from services.retrieval.ingest import learn
from services.validation import app as validation
from shared.envelope import encode
from shared.stage import Stage
from shared.tenants import Source, Tenant
from shared.vault import Vault
from tests.fakes.answers import FakeAnswers
from tests.fakes.bus import MemoryBus
from tests.fakes.case_book import FakeCaseBook
from tests.fakes.clock import FixedClock
from tests.fakes.ledger import FakeLedger
from tests.fakes.models import FakeCalibrations, FakeClassifier, FakeSearch, WordEmbedder, english, unread
from tests.fakes.records import FakeRecords
from tests.fakes.sendings import FakeHelpdesk, FakeHelpdesks, FakeSendings
from tests.unit.cases import evidence, invoices, pack
from tests.unit.intake.webhooks import DESK_SECRET, generic

TENANT = "demo"
PHRASES = {"roll back": "deploy_rollback", "invoice": "billing_invoice", "money back": "billing_refund"}


@dataclass
class World:
    """A customer, a helpdesk, a reviewer, and Handrail between them."""

    clock: FixedClock = field(default_factory=FixedClock)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    book: FakeCaseBook = field(default_factory=FakeCaseBook)
    records: FakeRecords = field(default_factory=FakeRecords)
    helpdesk: FakeHelpdesk = field(default_factory=FakeHelpdesk)
    bus: MemoryBus = field(default_factory=MemoryBus)
    key: SecretStr = field(default_factory=lambda: SecretStr(Fernet.generate_key().decode()))
    deliveries: int = 0

    def __post_init__(self) -> None:
        self.sendings = FakeSendings(self.clock)
        packs, models, words = {TENANT: pack()}, FakeCalibrations(), WordEmbedder()
        passages = {TENANT: [evidence(), invoices()]}
        search, self.answers_learned = FakeSearch(passages), FakeAnswers(passages)
        drafter = ExtractiveDrafter(english=words, multilingual=words)
        bus, clock = self.bus, self.clock
        bus.add("intake", outbox=self.ledger.outbox)
        bus.add("classification", [self._classification()])
        bus.add("retrieval", retrieval.stages(search, words, self._learn, clock))
        bus.add("drafting", drafting.stages(packs, [Tier("extractive", drafter)], clock))
        bus.add("validation", validation.stages(packs, models, words.embed, clock))
        bus.add("escalation", escalation.stages(self.book, packs, clock), self.book.outbox)
        bus.add("delivery", delivery.stages(self.sendings, self._wake), self.sendings.outbox)
        bus.add("feedback", feedback.stages(self.records))
        self.intake = httpx.AsyncClient(transport=httpx.ASGITransport(self._edge()), base_url="http://intake")
        self._worker_woken = False

    def _edge(self) -> Any:
        desk = Source(kind="generic", secret=SecretStr(DESK_SECRET), reply_url="https://desk.example")
        tenants = {TENANT: Tenant(id=TENANT, pack="none", sources={"desk": desk})}
        return build_app(tenants, self.ledger, VaultPseudonyms(self.key), IntakeSettings(), self.clock)

    def _classification(self) -> Stage:
        # Its app brings the training along, which takes seconds to import.
        domains = {TENANT: Domain(pack(), FakeClassifier(PHRASES, risks=["billing_refund"]), unread)}

        async def on_ticket_received(event: TicketReceived) -> Any:
            return await classification.handle(event, domains=domains, detect_language=english, now=self.clock())

        return Stage(consumes=TicketReceived, produces=(TicketClassified,), run=on_ticket_received)

    async def _learn(self, event: FeedbackRecorded) -> bool:
        return await learn(
            event,
            answers=self.answers_learned,
            embedder=WordEmbedder(),
            personal_data=retrieval.personal_texts,
            index_version="words-1",
            kept=100,
        )

    async def _wake(self, _: UUID) -> None:
        self._worker_woken = True

    async def webhook(self, payload: dict[str, Any], message_id: str | None = None) -> httpx.Response:
        """The helpdesk delivers a webhook."""
        self.deliveries += 1
        body, headers = generic(payload, message_id=message_id or f"msg_{self.deliveries}", at=self.clock())
        return await self.intake.post(f"/v1/webhooks/desk/{TENANT}", content=body, headers=headers)

    async def customer_writes(
        self, body: str, *, ticket_id: str = "42", subject: str = "Help", message_id: str | None = None
    ) -> UUID:
        """The customer writes, and everything that follows from it happens; returns the case."""
        requester = {"email": "ann@example.com"}
        data = {"ticket_id": ticket_id, "subject": subject, "body": body, "requester": requester}
        response = await self.webhook({"type": "message.created", "data": data}, message_id)
        assert response.status_code == 202, response.text
        await self.settle()
        return UUID(response.json()["case_id"])

    async def settle(self) -> None:
        """Runs the bus and the delivery worker until both have nothing more to do."""
        await self.bus.run()
        while self._worker_woken:
            self._worker_woken = False
            for case_id in self.sendings.due(100):
                self._send(case_id)
            await self.bus.run()

    def _send(self, case_id: UUID) -> None:
        claimed = self.sendings.claim(case_id, lease_seconds=60.0)
        if claimed is not None:
            sending.attempt(
                claimed,
                sendings=self.sendings,
                helpdesks=FakeHelpdesks(self.helpdesk),
                vault=Vault(self.key),
                attempts_max=3,
                backoff_seconds_max=60.0,
                now=self.clock(),
            )

    async def person_decides(self, case_id: UUID, action: Any, text: str = "", **fields: str) -> None:
        """A person decides the case in the portal, whose event this is."""
        [request] = [request for request in self.requests if request.case_id == case_id]
        decision = Decision(action=action, final_text=text, reviewer="rita", decided_at=self.clock(), **fields)
        completed = ReviewCompleted.after(request, at=self.clock(), decision=decision)
        await self.bus.publish(encode(completed, service="portal"))
        await self.settle()

    @property
    def requests(self) -> list[ReviewRequested]:
        """What people were asked to decide."""
        return self.bus.events(ReviewRequested)

    @property
    def answers(self) -> list[str]:
        """What the customer got to read, in order."""
        return [text for _, _, text in self.helpdesk.replies]

    @property
    def delivered(self) -> list[AnswerDelivered]:
        """What delivery reported."""
        return self.bus.events(AnswerDelivered)

    def status(self, case_id: UUID) -> str:
        """What became of the case."""
        return self.book.cases[case_id].status

    def record(self, case_id: UUID) -> FeedbackRecorded | None:
        """The training record of the case."""
        return self.records.by_case.get(case_id)
