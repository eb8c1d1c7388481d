"""Consumes ticket-received, answer-validated, review-completed, answer-delivered; produces review-requested,
answer-released, feedback-recorded.
"""

from collections.abc import Mapping, Sequence

from contracts.events import (
    AnswerDelivered,
    AnswerReleased,
    AnswerValidated,
    Event,
    FeedbackRecorded,
    ReviewCompleted,
    ReviewRequested,
    TicketReceived,
)
from contracts.pack import Pack
from services.escalation import handler
from services.escalation.adapters import SCHEMA, PostgresCaseBook
from services.escalation.ports import CaseBook
from shared import metrics
from shared.clock import Clock, now
from shared.database import async_engine
from shared.failures import InvalidMessage
from shared.packs import load_pack
from shared.relay import Relay
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage
from shared.telemetry import current_traceparent, trace_id_of
from shared.tenants import load_tenants


def stages(book: CaseBook, packs: Mapping[str, Pack], clock: Clock = now) -> list[Stage]:
    """What escalation does, in the order in which a case meets it. `packs` are by tenant."""

    async def on_ticket_received(event: TicketReceived) -> Sequence[Event]:
        async with book.begin(event) as work:
            if work.is_new:
                await handler.on_ticket_received(event, work=work)
        return ()

    async def on_answer_validated(event: AnswerValidated) -> Sequence[Event]:
        if (pack := packs.get(event.tenant)) is None:
            raise InvalidMessage("a tenant that is not configured")
        async with book.begin(event) as work:
            if work.is_new:
                trace_id = trace_id_of(current_traceparent())
                decided = await handler.on_answer_validated(event, work=work, pack=pack, trace_id=trace_id, now=clock())
                seconds = (clock() - event.ticket.received_at).total_seconds()
                labels = {"handrail.decision": decided, "handrail.decided_by": "policy"}
                metrics.DECISIONS.add(1, labels)
                metrics.CASE_DURATION.record(seconds, labels)
        return ()

    async def on_review_completed(event: ReviewCompleted) -> Sequence[Event]:
        async with book.begin(event) as work:
            if work.is_new:
                decided = await handler.on_review_completed(event, work=work, now=clock())
                metrics.DECISIONS.add(1, {"handrail.decision": decided, "handrail.decided_by": "person"})
        return ()

    async def on_answer_delivered(event: AnswerDelivered) -> Sequence[Event]:
        async with book.begin(event) as work:
            if work.is_new:
                await handler.on_answer_delivered(event, work=work)
        return ()

    return [
        Stage(consumes=TicketReceived, produces=(), run=on_ticket_received),
        Stage(
            consumes=AnswerValidated,
            produces=(ReviewRequested, AnswerReleased, FeedbackRecorded),
            run=on_answer_validated,
        ),
        Stage(consumes=ReviewCompleted, produces=(AnswerReleased, FeedbackRecorded), run=on_review_completed),
        Stage(consumes=AnswerDelivered, produces=(), run=on_answer_delivered),
    ]


def main() -> None:
    """Runs the service."""
    settings = Settings()
    engine = async_engine(settings, "escalation")
    tenants = load_tenants(settings.tenants_file)
    packs = {name: load_pack(tenant.pack) for name, tenant in tenants.items()}
    Service(
        name="escalation",
        settings=settings,
        stages=stages(PostgresCaseBook(engine), packs),
        relay=lambda producer: Relay(engine, SCHEMA, producer.publish),
        on_stop=[engine.dispose],
    ).run()


if __name__ == "__main__":
    main()
