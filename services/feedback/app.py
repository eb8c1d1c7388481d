"""Consumes feedback-recorded; produces nothing: it keeps the records that `handrail export feedback` reads."""

from collections.abc import Sequence

from contracts.events import Event, FeedbackRecorded
from services.feedback import handler
from services.feedback.adapters import PostgresRecords
from services.feedback.ports import Records
from shared.database import async_engine
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage


def stages(records: Records) -> list[Stage]:
    """What the feedback writer does."""

    async def on_feedback_recorded(event: FeedbackRecorded) -> Sequence[Event]:
        await handler.handle(event, records=records)
        return ()

    return [Stage(consumes=FeedbackRecorded, produces=(), run=on_feedback_recorded)]


def main() -> None:
    """Runs the service."""
    settings = Settings()
    engine = async_engine(settings, "feedback")
    Service(name="feedback", settings=settings, stages=stages(PostgresRecords(engine)), on_stop=[engine.dispose]).run()


if __name__ == "__main__":
    main()
