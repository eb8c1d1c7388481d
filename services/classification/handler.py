"""Decides what a ticket is about."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from contracts.events import Event, TicketClassified, TicketReceived
from services.classification.ports import Classifier, Domain, LanguageDetector
from services.classification.rules.deciding import OUT_OF_SCOPE_FROM, Scores, all_asked, asked_apart, classify
from shared.failures import InvalidMessage


async def handle(
    event: TicketReceived, *, domains: Mapping[str, Domain], detect_language: LanguageDetector, now: datetime
) -> Sequence[Event]:
    """The ticket with its classification. `domains` are by tenant.

    Raises:
        InvalidMessage: the tenant is not configured.
    """
    if (domain := domains.get(event.tenant)) is None:
        raise InvalidMessage("a tenant that is not configured")
    text = event.ticket.text
    language = detect_language(text, domain.pack.languages)
    classifier = domain.classifier
    scores = await asyncio.to_thread(_scores, classifier, text, language[0])
    asked = await asyncio.to_thread(classifier.intents_of, asked_apart(text), language[0])
    # After the scores, whose embeddings it finds remembered.
    mood = await asyncio.to_thread(domain.read_mood, text, language[0])
    classification = classify(event.ticket, scores, language, domain.pack, classifier.model_version, mood, asked)
    return [TicketClassified.after(event, at=now, classification=classification)]


def _scores(classifier: Classifier, text: str, language: str) -> Scores:
    """What the classifier says of the text; what seems out of scope is so only where its questions by themselves are.

    Thanks, news and good wishes around a question are about nothing that a company supports.
    """
    scores = classifier.scores(text, language)
    asked = all_asked(text)
    if scores.out_of_scope < OUT_OF_SCOPE_FROM or not asked or asked == text:
        return scores
    alone = classifier.scores(asked, language)
    return replace(scores, out_of_scope=min(scores.out_of_scope, alone.out_of_scope))
