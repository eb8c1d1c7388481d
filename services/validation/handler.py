"""Checks a draft against its evidence and the pack's policies, whoever wrote it."""

import asyncio
from datetime import datetime

from contracts.events import AnswerDrafted, AnswerValidated, Attempt, Event, RedraftRequested, Validation
from contracts.pack import Pack
from services.validation.ports import Calibrations, LanguageDetector, Orders
from services.validation.rules.answering import Embed
from services.validation.rules.cascade import best_of, offer_worth_taking, spent_on
from services.validation.rules.checks import citations_by_number, evidence_by_id, findings_on
from services.validation.rules.claims import claims_of
from services.validation.rules.confidence import confidence_of, features_of
from services.validation.rules.grounding import SupportModel
from services.validation.rules.judging import judge_draft
from services.validation.rules.verdict import policy_version, verdict_of

VERSION = "support-3"
# What the model of support was trained on; "und" has hardly a word to tell a language by.
SUPPORT_LANGUAGES = frozenset({"en", "und"})


async def handle(
    event: AnswerDrafted,
    *,
    pack: Pack,
    languages: LanguageDetector,
    calibrations: Calibrations,
    orders: Orders,
    embed: Embed,
    now: datetime,
    support: SupportModel | None = None,
) -> list[Event]:
    """The verdict on the best draft so far, or the wish for a better one where that is worth its price.

    Works on a thread: a hostile ticket can make this take long, and the event loop must stay free.
    """
    validation = await asyncio.to_thread(validate, event, pack, languages, calibrations, orders, embed, support)
    attempts = (*event.earlier, Attempt(draft=event.draft, validation=validation))
    if offer := offer_worth_taking(event, validation, pack):
        return [RedraftRequested.after(event, at=now, tier=offer.tier, attempts=attempts)]
    best, spent = best_of(attempts), spent_on(event.context, attempts)
    return [AnswerValidated.after(event, at=now, draft=best.draft, validation=best.validation, spent=spent)]


def validate(
    event: AnswerDrafted,
    pack: Pack,
    languages: LanguageDetector,
    calibrations: Calibrations,
    orders: Orders,
    embed: Embed,
    support: SupportModel | None = None,
) -> Validation:
    """What is to be said about the draft: claims, findings, verdict, confidence.

    Without a model of `support`, or where the answer is in a language that it was not trained on, shared words count.
    """
    stated = claims_of(event, pack.tone)
    answer_language = languages.language_of("\n".join(claim.text for claim in stated))
    judgement = judge_draft(
        stated,
        citations_by_number(event),
        evidence_by_id(event),
        event.ticket.text,
        support if answer_language.partition("-")[0] in SUPPORT_LANGUAGES else None,
    )
    claims = judgement.claims
    findings = findings_on(event, claims, pack, answer_language, orders.order_in, embed, doubtful=judgement.doubtful)
    features = features_of(event, claims, pack, embed)
    confidence, model = confidence_of(features, calibrations.full(event.tenant), calibrations.evidence(event.tenant))
    return Validation(
        verdict=verdict_of(findings),
        claims=claims,
        findings=findings,
        confidence=confidence,
        confidence_sample_size=model.sample_size if model else 0,
        model_version=f"{VERSION}/{model.version if model else 'uncalibrated'}",
        policy_version=policy_version(pack),
    )
