"""Whether another, dearer draft is worth its price, and which of several drafts is the best."""

from collections.abc import Sequence

from contracts.events import AnswerDrafted, Attempt, Context, Offer, Usage, Validation
from contracts.pack import Pack

_OUT_OF_SCOPE_FROM = 0.5


def offer_worth_taking(event: AnswerDrafted, validation: Validation, pack: Pack) -> Offer | None:
    """The cheapest tier whose draft is expected to save more of a person's time than it costs, or None.

    The saving is the offer's probability of acceptance times the pack's price of a review, since a draft that may not
    be sent ends with a person. Where the present draft may be sent, or where no draft would be, nothing is worth more.
    The rule is that of Chen et al., FrugalGPT (2023), with a calibrated confidence in the place of a scorer.
    """
    if _may_be_sent(event, validation, pack) or not _could_be_sent(event, pack):
        return None
    worth = (one for one in event.offers if one.acceptance * pack.thresholds.review_cost_usd > one.cost_usd)
    return min(worth, key=lambda one: one.cost_usd, default=None)


def _may_be_sent(event: AnswerDrafted, validation: Validation, pack: Pack) -> bool:
    sure = validation.confidence >= pack.thresholds.release_confidence
    return sure and validation.verdict == "pass" and not event.draft.unanswered


def _could_be_sent(event: AnswerDrafted, pack: Pack) -> bool:
    """Whether any draft for this ticket has a use: there is evidence, and the ticket is not a specialist's."""
    classification = event.classification
    intent = pack.intent(classification.intent or "")
    a_persons = classification.route == "specialist" or (intent is not None and intent.autonomy == "off")
    return bool(event.context.evidence) and not a_persons and classification.out_of_scope < _OUT_OF_SCOPE_FROM


def best_of(attempts: Sequence[Attempt]) -> Attempt:
    """The surest attempt that is not blocked, else the surest; of equals the earlier, which was the cheaper."""
    return max(attempts, key=lambda one: (one.validation.verdict != "block", one.validation.confidence))


def spent_on(context: Context, attempts: Sequence[Attempt]) -> Usage:
    """What putting the query and all attempts took together."""
    usages = [context.usage, *(one.draft.usage for one in attempts)]
    return Usage(
        input_tokens=sum(one.input_tokens for one in usages),
        output_tokens=sum(one.output_tokens for one in usages),
        cost_usd=sum(one.cost_usd for one in usages),
        latency_seconds=sum(one.latency_seconds for one in usages),
    )
