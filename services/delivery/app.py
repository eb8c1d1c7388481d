"""Consumes answer-released; produces answer-delivered (from the Celery task, through the outbox)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog
from kombu.exceptions import OperationalError

from contracts.events import AnswerDelivered, AnswerReleased, Event
from services.delivery.adapters.postgres import SCHEMA, PostgresIntents
from services.delivery.ports import Intents
from services.delivery.tasks import send_answer
from shared.database import async_engine
from shared.relay import Relay
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage
from shared.telemetry import current_traceparent

log = structlog.get_logger(__name__)


def stages(intents: Intents, enqueue: Callable[[UUID], Awaitable[None]]) -> list[Stage]:
    """What delivery does: write the intent down, then wake a worker."""

    async def on_answer_released(event: AnswerReleased) -> Sequence[Event]:
        async with intents.begin(event) as work:
            if work.is_new:
                await work.intend(event, current_traceparent())
        await enqueue(event.case_id)
        return ()

    return [Stage(consumes=AnswerReleased, produces=(AnswerDelivered,), run=on_answer_released)]


async def wake_worker(case_id: UUID) -> None:
    """This function will enqueue the task; with Redis down the sweep finds the intent instead."""
    try:
        await asyncio.to_thread(send_answer.apply_async, kwargs={"case_id": str(case_id)}, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("worker not woken; the sweep will find the answer", error_type=type(error).__name__)


def main() -> None:
    """Runs the consumer; `services.delivery.tasks` is the worker."""
    settings = Settings()
    engine = async_engine(settings, SCHEMA)
    Service(
        name=SCHEMA,
        settings=settings,
        stages=stages(PostgresIntents(engine), wake_worker),
        relay=lambda producer: Relay(engine, SCHEMA, producer.publish),
        on_stop=[engine.dispose],
    ).run()


if __name__ == "__main__":
    main()
