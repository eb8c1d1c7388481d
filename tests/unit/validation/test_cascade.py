"""A dearer draft is asked for where it is worth its price, and the best of all drafts goes on."""

from typing import Any

import pytest

from contracts.events import AnswerDrafted, AnswerValidated, Attempt, Context, Offer, RedraftRequested, Usage
from contracts.pack import Thresholds
from services.validation import handler
from services.validation.rules.cascade import best_of, offer_worth_taking, spent_on
from tests.unit.cases import NOON, classification, draft, drafted, pack, retrieved, validation
from tests.unit.validation.judging import Fixed, ports_of

SMALL = Offer(tier="small", cost_usd=0.002, acceptance=0.4)
LARGE = Offer(tier="large", cost_usd=0.03, acceptance=0.7)
UNSURE = validation(confidence=0.4)


def offered(*offers: Offer, **fields: Any) -> AnswerDrafted:
    return drafted(offers=offers, **fields)


def taken(event: AnswerDrafted, confidence: float = 0.4, **fields: Any) -> str | None:
    offer = offer_worth_taking(event, validation(confidence=confidence, **fields), pack())
    return offer.tier if offer else None


def test_the_cheapest_tier_that_saves_more_than_it_costs_is_taken() -> None:
    assert taken(offered(LARGE, SMALL)) == "small"
    assert taken(offered(LARGE)) == "large"


def test_a_draft_that_may_be_sent_needs_no_dearer_one() -> None:
    assert taken(offered(SMALL), confidence=0.95) is None


@pytest.mark.parametrize("doubt", [{"verdict": "warn"}, {"verdict": "block"}])
def test_a_sure_draft_with_a_finding_may_not_be_sent(doubt: dict[str, Any]) -> None:
    assert taken(offered(SMALL), confidence=0.95, **doubt) == "small"


def test_a_sure_draft_that_leaves_a_part_open_may_not_be_sent() -> None:
    event = drafted(draft(unanswered=("And the invoices?",)), offers=(SMALL,))

    assert taken(event, confidence=0.95) == "small"


def test_a_price_above_the_saving_is_not_paid() -> None:
    cheap_reviews = pack(thresholds=Thresholds(release_confidence=0.9, review_cost_usd=0.004))

    assert offer_worth_taking(offered(LARGE), UNSURE, cheap_reviews) is None
    assert offer_worth_taking(offered(Offer(tier="odd", cost_usd=0.0, acceptance=0.0)), UNSURE, pack()) is None


HOPELESS = {
    "specialists have it": {"classification": classification(route="specialist")},
    "out of scope": {"classification": classification(out_of_scope=0.8)},
    "no evidence": {"context": Context(evidence=(), query="q")},
}


@pytest.mark.parametrize("fields", HOPELESS.values(), ids=list(HOPELESS))
def test_nothing_is_paid_where_no_draft_would_be_sent(fields: dict[str, Any]) -> None:
    assert taken(offered(SMALL, LARGE, **fields)) is None


def test_the_surest_attempt_wins_and_of_equals_the_earlier() -> None:
    first, second, blocked = (
        Attempt(draft=draft(tier=tier), validation=validation(confidence=confidence, verdict=verdict))
        for tier, confidence, verdict in (("one", 0.6, "warn"), ("two", 0.6, "pass"), ("three", 0.9, "block"))
    )

    assert best_of([first, second, blocked]).draft.tier == "one"
    assert best_of([blocked]).draft.tier == "three"


def test_the_query_and_every_attempt_are_paid_for() -> None:
    attempts = [
        Attempt(draft=draft(usage=Usage(input_tokens=tokens, cost_usd=usd)), validation=validation())
        for tokens, usd in ((0, 0.0), (900, 0.001), (900, 0.03))
    ]

    context = retrieved().context.model_copy(update={"usage": Usage(input_tokens=50, cost_usd=0.002)})
    assert spent_on(context, attempts) == Usage(input_tokens=1850, cost_usd=0.033)


async def test_validation_asks_for_another_draft_and_settles_on_the_better_one() -> None:
    ports = Fixed()
    ungrounded = drafted(draft("Hello,\n\nSwitch it off and on. [1]\n\nKind regards"), offers=(SMALL,))

    [wish] = await handler.handle(ungrounded, pack=pack(), **ports_of(ports), now=NOON)

    assert isinstance(wish, RedraftRequested)
    assert (wish.tier, len(wish.attempts)) == ("small", 1)
    better = AnswerDrafted.after(wish, at=NOON, draft=draft(tier="small"), earlier=wish.attempts)
    [settled] = await handler.handle(better, pack=pack(), **ports_of(ports), now=NOON)
    assert isinstance(settled, AnswerValidated)
    assert settled.draft.tier == "small"
