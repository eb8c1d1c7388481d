"""Tiers are asked in their order, and only upwards."""

from contracts.events import AnswerDrafted, Attempt, ContextRetrieved, Draft, Offer, RedraftRequested
from contracts.pack import Pack
from services.drafting import handler
from services.drafting.ports import Tier
from services.drafting.rules.ladder import Request
from tests.unit.cases import NOON, draft, pack, retrieved, validation


class Saying:
    """A drafter that always says the same."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def draft(self, event: Request, pack: Pack) -> Draft:
        return draft(self.text)


def priced(name: str, cost_usd: float) -> Tier:
    async def offer(event: Request) -> Offer | None:
        return Offer(tier=name, cost_usd=cost_usd, acceptance=0.5)

    return Tier(name, Saying(name), offer)


async def closed(event: Request) -> Offer | None:
    return None


TIERS = [
    Tier("extractive", Saying("quotes")),
    priced("small", 0.001),
    Tier("resting", Saying(""), closed),
    priced("large", 0.1),
]


async def drafted_for(event: Request) -> AnswerDrafted:
    [found] = await handler.handle(event, tiers=TIERS, pack=pack(), now=NOON)
    assert isinstance(found, AnswerDrafted)
    return found


def wish(tier: str) -> RedraftRequested:
    attempt = Attempt(draft=draft(tier="extractive"), validation=validation(confidence=0.3))
    cause: ContextRetrieved = retrieved()
    return RedraftRequested.after(cause, at=NOON, tier=tier, attempts=(attempt,))


async def test_a_new_ticket_gets_the_first_tier_and_offers_of_those_that_can_be_asked() -> None:
    event = await drafted_for(retrieved())

    assert (event.draft.text, event.draft.tier) == ("quotes", "extractive")
    assert [(one.tier, one.cost_usd) for one in event.offers] == [("small", 0.001), ("large", 0.1)]
    assert event.earlier == ()


async def test_a_wish_is_granted_and_what_was_tried_is_not_offered_again() -> None:
    event = await drafted_for(wish("small"))

    assert (event.draft.text, event.draft.tier) == ("small", "small")
    assert [one.tier for one in event.offers] == ["large"]
    assert [one.draft.tier for one in event.earlier] == ["extractive"]


async def test_above_the_last_tier_there_is_nothing() -> None:
    assert (await drafted_for(wish("large"))).offers == ()


async def test_a_tier_that_was_taken_out_of_service_meanwhile_is_no_failure() -> None:
    assert (await drafted_for(wish("gone"))).draft.tier == "extractive"
