"""Escalation in memory, and drafts to give it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from contracts.events import (
    AnswerReleased,
    AnswerValidated,
    Decision,
    Event,
    FeedbackRecorded,
    ReviewCompleted,
    ReviewRequested,
    TicketReceived,
    case_id_of,
)
from services.escalation.app import stages
from services.escalation.ports import CaseState
from shared.envelope import encode
from tests.fakes.bus import MemoryBus
from tests.fakes.case_book import FakeCaseBook
from tests.fakes.clock import NOON, FixedClock
from tests.unit.cases import CASE, classification, flag, pack, ticket, validated, validation

SEALED = "gAAAAAB-sealed-originals"


def case_of(turn: int = 1, **fields: Any) -> AnswerValidated:
    """A validated draft of a turn, sure enough to be sent."""
    event = validated(ticket=ticket(sealed=SEALED), **fields)
    return event.model_copy(update={"event_id": uuid4(), "turn": turn, "case_id": case_id_of(CASE, turn)})


def unsure(turn: int = 1) -> AnswerValidated:
    return case_of(turn, validation=validation(confidence=0.4))


def of_a_specialist(turn: int = 1) -> AnswerValidated:
    flagged = classification(route="specialist", queue="trust", flags=(flag("security"),), priority="normal")
    return case_of(turn, classification=flagged)


@dataclass
class Escalation:
    """The service in memory."""

    book: FakeCaseBook = field(default_factory=FakeCaseBook)
    bus: MemoryBus = field(default_factory=MemoryBus)
    clock: FixedClock = field(default_factory=FixedClock)

    def __post_init__(self) -> None:
        self.bus.add("escalation", stages(self.book, {"demo": pack()}, self.clock), self.book.outbox)

    async def takes(self, *events: Event) -> None:
        for event in events:
            await self.bus.publish(encode(event, service="tests"))
            await self.bus.run()

    async def is_told_of_turn(self, turn: int) -> None:
        event = TicketReceived.after(case_of(turn), at=NOON)
        await self.takes(event.model_copy(update={"event_id": uuid4()}))

    async def hears(self, case: AnswerValidated, action: Any, text: str = "", reviewer: str = "ann") -> None:
        decision = Decision(action=action, final_text=text, reviewer=reviewer, decided_at=NOON, reason_code="tone")
        decided = ReviewCompleted.after(case, at=NOON, decision=decision)
        await self.takes(decided.model_copy(update={"event_id": uuid4()}))

    def case(self, case: AnswerValidated) -> CaseState:
        return self.book.cases[case.case_id]

    @property
    def released(self) -> list[AnswerReleased]:
        return self.bus.events(AnswerReleased)

    @property
    def requested(self) -> list[ReviewRequested]:
        return self.bus.events(ReviewRequested)

    @property
    def recorded(self) -> list[FeedbackRecorded]:
        return self.bus.events(FeedbackRecorded)
