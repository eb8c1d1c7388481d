"""Decides what a ticket is about."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from contracts.events import Event, TicketClassified, TicketReceived
from services.classification.ports import Domain, LanguageDetector
from services.classification.rules.deciding import asked_apart, classify
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
    scores = await asyncio.to_thread(classifier.scores, text, language[0])
    asked = await asyncio.to_thread(classifier.intents_of, asked_apart(text), language[0])
    classification = classify(event.ticket, scores, language, domain.pack, classifier.model_version, asked)
    return [TicketClassified.after(event, at=now, classification=classification)]
