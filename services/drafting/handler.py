"""Writes an answer from the evidence."""

from collections.abc import Sequence
from datetime import datetime

from contracts.events import AnswerDrafted, Event
from contracts.pack import Pack
from services.drafting.ports import Tier
from services.drafting.rules.ladder import Request, above, tier_for


async def handle(event: Request, *, tiers: Sequence[Tier], pack: Pack, now: datetime) -> list[Event]:
    """The draft, or the abstention, as the event that follows `event`, with what the further tiers would cost.

    `tiers` are those of the tenant, cheapest first.
    """
    tier = tier_for(event, tiers)
    draft = await tier.drafter.draft(event, pack)
    offers = [await other.offer(event) for other in above(tier, tiers)]
    return [
        AnswerDrafted.after(
            event,
            at=now,
            draft=draft.model_copy(update={"tier": tier.name}),
            offers=tuple(offer for offer in offers if offer is not None),
            earlier=getattr(event, "attempts", ()),
        )
    ]
