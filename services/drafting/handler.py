"""Writes an answer from the evidence."""

from datetime import datetime

from contracts.events import AnswerDrafted, ContextRetrieved, Event
from contracts.pack import Pack
from services.drafting.ports import Drafter


async def handle(event: ContextRetrieved, *, drafter: Drafter, pack: Pack, now: datetime) -> list[Event]:
    """The draft, or the abstention, as the event that follows `event`."""
    draft = await drafter.draft(event, pack)
    return [AnswerDrafted.after(event, at=now, draft=draft)]
