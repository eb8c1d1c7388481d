"""Checks a draft against its evidence and the pack's policies, whoever wrote it."""

import asyncio
from datetime import datetime

from contracts.events import AnswerDrafted, AnswerValidated, Attempt, Event, RedraftRequested, Validation
from contracts.pack import Pack
from services.validation.ports import Calibrations, LanguageDetector
from services.validation.rules.cascade import best_of, offer_worth_taking, spent_on
from services.validation.rules.checks import citations_by_number, evidence_by_id, findings_on
from services.validation.rules.claims import claims_of, judge
from services.validation.rules.confidence import confidence_of, features_of
from services.validation.rules.verdict import policy_version, verdict_of

VERSION = "support-1"


async def handle(
    event: AnswerDrafted, *, pack: Pack, languages: LanguageDetector, calibrations: Calibrations, now: datetime
) -> list[Event]:
    """The verdict on the best draft so far, or the wish for a better one where that is worth its price.

    Works on a thread: a hostile ticket can make this take long, and the event loop must stay free.
    """
    validation = await asyncio.to_thread(validate, event, pack, languages, calibrations)
    attempts = (*event.earlier, Attempt(draft=event.draft, validation=validation))
    if offer := offer_worth_taking(event, validation, pack):
        return [RedraftRequested.after(event, at=now, tier=offer.tier, attempts=attempts)]
    best = best_of(attempts)
    return [
        AnswerValidated.after(event, at=now, draft=best.draft, validation=best.validation, spent=spent_on(attempts))
    ]


def validate(event: AnswerDrafted, pack: Pack, languages: LanguageDetector, calibrations: Calibrations) -> Validation:
    """What is to be said about the draft: claims, findings, verdict, confidence."""
    citations, evidence = citations_by_number(event), evidence_by_id(event)
    stated = claims_of(event, pack.tone)
    claims = tuple(judge(claim, citations, evidence) for claim in stated)
    answer_language = languages.language_of("\n".join(claim.text for claim in stated))
    findings = findings_on(event, claims, pack, answer_language)
    confidence, model = confidence_of(
        features_of(event, claims, pack), calibrations.full(event.tenant), calibrations.evidence(event.tenant)
    )
    return Validation(
        verdict=verdict_of(findings),
        claims=claims,
        findings=findings,
        confidence=confidence,
        confidence_sample_size=model.sample_size if model else 0,
        model_version=f"{VERSION}/{model.version if model else 'uncalibrated'}",
        policy_version=policy_version(pack),
    )
