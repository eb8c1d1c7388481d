"""Keeps training records."""

from contracts.events import FeedbackRecorded
from services.feedback.ports import Records


async def handle(event: FeedbackRecorded, *, records: Records) -> None:
    """This function will keep the record; a second one of the same case changes nothing."""
    await records.keep(event)
