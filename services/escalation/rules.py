"""Decides who answers: the policy by itself, a reviewer, or a specialist; and until when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.events import AnswerValidated, Citation, Draft, Finding, Priority
from contracts.pack import Autonomy, Pack

OUT_OF_SCOPE_FROM = 0.5
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high", "urgent")
REASONS_MAX = 50


@dataclass(frozen=True)
class Release:
    """The answer may go out as it is."""


@dataclass(frozen=True)
class Review:
    """A reviewer decides; the gravest reason stands first."""

    queue: str
    priority: Priority
    reasons: tuple[Finding, ...]


@dataclass(frozen=True)
class Specialist:
    """Specialists of the queue take the case over; the gravest reason stands first."""

    queue: str
    priority: Priority
    reasons: tuple[Finding, ...]


def decide(event: AnswerValidated, pack: Pack) -> Release | Review | Specialist:
    """Who decides the case.

    An answer is released only where nothing at all speaks for a person: every reason is collected, and one is enough.
    """
    reasons = tuple(_reasons(event, pack))[:REASONS_MAX]
    queue = _queue(event, pack)
    priority = _priority(event)
    if event.classification.route == "specialist":
        return Specialist(queue, priority, reasons or (_blocking("route", "The ticket belongs to specialists."),))
    return Review(queue, priority, reasons) if reasons else Release()


def _reasons(event: AnswerValidated, pack: Pack) -> Iterator[Finding]:
    yield from _of_the_ticket(event, pack)
    yield from _of_the_draft(event, pack)
    yield from (finding for finding in event.validation.findings if finding.severity != "info")
    yield from _of_the_confidence(event, pack)


def _of_the_ticket(event: AnswerValidated, pack: Pack) -> Iterator[Finding]:
    classification = event.classification
    for flag in classification.flags:
        known = pack.flags.get(flag.flag)
        words = f" {known.description}" if known else ""
        yield _blocking(f"flag_{flag.flag}", f"Flag “{flag.flag}” ({flag.probability:.0%}).{words}")
    if classification.route == "specialist":
        yield _blocking("route_specialist", "Classification sends this ticket to specialists.")
    autonomy, subject = _autonomy(event, pack)
    if autonomy == "off":
        yield _blocking("autonomy_off", f"{subject}: a person always decides.")
    elif autonomy == "suggest":
        yield _blocking("autonomy_suggest", f"{subject}: answers are only suggested, a person sends them.")
    for other in _other_likely_intents(event, pack):
        yield _blocking("autonomy_other", f"This may also be about “{other}”, which a person decides.")
    if classification.out_of_scope >= OUT_OF_SCOPE_FROM:
        yield _blocking("out_of_scope", f"Probably not about what we support ({classification.out_of_scope:.0%}).")
    language = classification.language
    if _primary(language) not in {_primary(known) for known in pack.knowledge_languages}:
        yield _blocking("language", f"The knowledge base has nothing in the ticket's language (“{language}”).")


def _of_the_draft(event: AnswerValidated, pack: Pack) -> Iterator[Finding]:
    draft, validation = event.draft, event.validation
    if not draft.text.strip():
        yield _blocking("no_draft", "There is no draft to send.")
    elif not draft.citations:
        yield _blocking("no_citation", "The draft cites no evidence.")
    if draft.unanswered:
        yield _blocking("unanswered", f"The draft leaves {len(draft.unanswered)} part(s) of the question open.")
    if _primary(draft.language) != _primary(event.classification.language):
        yield _blocking(
            "language_of_draft", f"Ticket in “{event.classification.language}”, draft in “{draft.language}”."
        )
    if validation.verdict != "pass":
        yield _blocking("verdict", f"Validation says “{validation.verdict}”.")


def _of_the_confidence(event: AnswerValidated, pack: Pack) -> Iterator[Finding]:
    confidence, needed = event.validation.confidence, pack.thresholds.release_confidence
    if event.validation.confidence_sample_size == 0:
        yield _blocking("uncalibrated", "The confidence is not calibrated yet.")
    elif confidence < needed:
        yield _blocking("confidence", f"Confidence {confidence:.0%}; release needs {needed:.0%}.")


def _autonomy(event: AnswerValidated, pack: Pack) -> tuple[Autonomy, str]:
    """The autonomy that rules the case, and what has it; an intent that the pack lacks is never automatic."""
    if not pack.intents:
        return pack.unknown_intent_autonomy, "No intents are defined"
    intent = pack.intent(event.classification.intent or "")
    if intent is None:
        return "suggest", "The intent is not known"
    return intent.autonomy, f"“{intent.title}”"


# A second intent that leaves the decision to a person counts from this probability on.
LIKELY_FROM = 0.15
# One question among several that is about such an intent; single sentences are judged with less context.
ASKED_FROM = 0.5


def _other_likely_intents(event: AnswerValidated, pack: Pack) -> Iterator[str]:
    classification = event.classification
    likely = [ranked.intent for ranked in classification.intents[1:] if ranked.probability >= LIKELY_FROM]
    likely += [ranked.intent for ranked in classification.asked if ranked.probability >= ASKED_FROM]
    for name in dict.fromkeys(likely):
        intent = pack.intent(name)
        if intent and intent.autonomy == "off" and name != classification.intent:
            yield intent.title


def _queue(event: AnswerValidated, pack: Pack) -> str:
    """The queue that classification named, if the pack has it; else the intent's; else the pack's first."""
    known = [queue.id for queue in pack.queues]
    intent = pack.intent(event.classification.intent or "")
    wanted = (event.classification.queue, intent.queue if intent else "")
    return next((queue for queue in wanted if queue in known), known[0] if known else "")


def _priority(event: AnswerValidated) -> Priority:
    """As classified; a flagged ticket has at least high priority."""
    priority = event.classification.priority
    floor = PRIORITIES.index("high") if event.classification.flags else 0
    return PRIORITIES[max(PRIORITIES.index(priority), floor)]


def due_at(received_at: datetime, priority: Priority, pack: Pack) -> datetime:
    """When the customer must have a first response: by the pack's service level, one day where it sets none."""
    minutes = pack.first_response_minutes.get(priority, 24 * 60)
    return received_at + timedelta(minutes=minutes)


def citations_in(text: str, draft: Draft) -> tuple[Citation, ...]:
    """The draft's citations that still hold for `text`, which a person may have edited.

    One holds where both its words and its number are still there; its span is moved to where they are.
    """
    if text == draft.text:
        return draft.citations
    kept = []
    for citation in draft.citations:
        words = draft.text[citation.start : citation.end]
        start = text.find(words) if words.strip() else -1
        if start >= 0 and f"[{citation.number}]" in text:
            kept.append(citation.model_copy(update={"start": start, "end": start + len(words)}))
    return tuple(kept)


def _blocking(code: str, message: str) -> Finding:
    return Finding(code=code[:500], severity="blocking", message=message[:1000])


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
