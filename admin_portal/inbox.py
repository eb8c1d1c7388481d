"""Consumes review-requested, ticket-received and answer-delivered; produces review-completed from the outbox."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.db import close_old_connections

from contracts.events import AnswerDelivered, Event, ReviewCompleted, ReviewRequested, TicketReceived
from shared.database import async_engine
from shared.kafka import KafkaProducer
from shared.relay import Relay
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage
from shared.telemetry import current_traceparent

SCHEMA = "portal"


def stages() -> list[Stage]:
    """The portal's stages; Django must be set up."""
    from admin_portal.review import arrivals  # noqa: PLC0415  models need `django.setup()`

    def open_case(event: ReviewRequested) -> None:
        arrivals.open_case(event, current_traceparent())

    return [
        Stage(consumes=ReviewRequested, produces=(ReviewCompleted,), run=_in_thread(open_case)),
        Stage(consumes=TicketReceived, produces=(), run=_in_thread(arrivals.note_turn)),
        Stage(consumes=AnswerDelivered, produces=(), run=_in_thread(arrivals.note_delivery)),
    ]


def _in_thread(effect: Callable[[Any], None]) -> Any:
    """The effect for the event loop. All run in one thread, and so on one connection of Django's."""

    def perform(event: Event) -> None:
        close_old_connections()
        effect(event)

    async def run(event: Event) -> Sequence[Event]:
        await sync_to_async(perform, thread_sensitive=True)(event)
        return ()

    return run


def main() -> None:
    """Runs until SIGTERM."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "admin_portal.config.settings")
    django.setup()
    settings = Settings()
    engine = async_engine(settings, "portal", pool_size=2)

    def relay(producer: KafkaProducer) -> Relay:
        return Relay(engine, SCHEMA, producer.publish)

    Service(name="admin_portal", settings=settings, stages=stages(), relay=relay, on_stop=[engine.dispose]).run()


if __name__ == "__main__":
    main()
