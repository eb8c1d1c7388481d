"""What follows from a ticket's scores: flags, priority, queue and route."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.events import Classification, Flag, Priority, RankedArticle, RankedIntent, Route, Ticket
from contracts.pack import Intent, Pack
from services.classification.rules import cues
from services.classification.rules.mood import Mood
from shared.sentences import questions

INTENT_RISK = "intent:"
INTENTS_MAX = 5
QUESTIONS_CHARACTERS_MAX = 20_000
# From here on up the decision takes a ticket for one that the company does not answer.
OUT_OF_SCOPE_FROM = 0.5
# A phrase alone, against the trained model's opinion, counts as likely but not as sure.
_PHRASE_PROBABILITY = 0.7
# Below this, an intent says too little about how urgent its tickets are.
_SURE_ENOUGH = 0.4
# A person's intent that the model of risks saw, but that the model of intents all but rules out, was not seen.
_CONCEIVABLE = 0.02
_PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high", "urgent")


@dataclass(frozen=True)
class Scores:
    """What the trained model says of one text.

    `intents` and `articles`, by their names in the pack, are ordered, most probable first. `risks` are those raised:
    ids of flags, or `intent:` and the id of an intent that a person always decides.
    """

    intents: tuple[tuple[str, float], ...] = ()
    articles: tuple[tuple[str, float], ...] = ()
    out_of_scope: float = 0.0
    risks: tuple[tuple[str, float], ...] = ()


def asked_apart(text: str) -> list[str]:
    """The questions of a text that asks several; empty where the text as a whole is the question."""
    found = questions(text[:QUESTIONS_CHARACTERS_MAX])
    return found if len(found) > 1 else []


def all_asked(text: str) -> str:
    """The questions and requests of a text, without what stands around them; empty where it asks nothing outright."""
    return " ".join(questions(text[:QUESTIONS_CHARACTERS_MAX]))


def classify(
    ticket: Ticket,
    scores: Scores,
    language: tuple[str, float],
    pack: Pack,
    model_version: str,
    mood: Mood,
    asked: Sequence[tuple[str, float]] = (),
) -> Classification:
    """What the ticket is about, and who should see it.

    Args:
        ticket: the customer's message.
        scores: of the whole text.
        language: a tag and its probability.
        pack: the taxonomy.
        model_version: of what gave the scores.
        mood: how the text wishes to be ranked, and in which mood it was written.
        asked: the likeliest intent of each question with its probability, where there are several.
    """
    text = ticket.text
    flags = _flags(text, scores, pack)
    intent = pack.intent(scores.intents[0][0]) if scores.intents else None
    route, queue = _route(flags, scores, intent, pack)
    return Classification(
        intents=tuple(RankedIntent(intent=name, probability=chance) for name, chance in scores.intents[:INTENTS_MAX]),
        articles=tuple(RankedArticle(article=name, probability=chance) for name, chance in scores.articles),
        asked=tuple(RankedIntent(intent=name, probability=chance) for name, chance in asked),
        out_of_scope=scores.out_of_scope,
        questions=max(1, len(questions(text[:QUESTIONS_CHARACTERS_MAX]))),
        priority=_priority(scores, intent, flags, mood),
        sentiment=mood.sentiment,
        language=language[0],
        language_probability=language[1],
        flags=flags,
        route=route,
        queue=queue,
        model_version=model_version,
    )


def _flags(text: str, scores: Scores, pack: Pack) -> tuple[Flag, ...]:
    """The flags that the model raised and those given away by a phrase, surest first."""
    found = {name: chance for name, chance in scores.risks if name in pack.flags}
    for name in cues.phrases_of_risk(text, pack.flags):
        found[name] = max(found.get(name, 0.0), _PHRASE_PROBABILITY)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Flag(flag=name, probability=chance) for name, chance in ordered[:20])


def _route(flags: tuple[Flag, ...], scores: Scores, intent: Intent | None, pack: Pack) -> tuple[Route, str]:
    """To the specialists of the surest flag that has any, or of an intent that a person always decides."""
    for flag in flags:
        if queue := pack.flags[flag.flag].queue:
            return "specialist", queue
    chances = dict(scores.intents)
    for name, _ in scores.risks:
        risky = pack.intent(name.removeprefix(INTENT_RISK)) if name.startswith(INTENT_RISK) else None
        if risky and chances.get(risky.id, 0.0) >= _CONCEIVABLE:
            return "specialist", risky.queue
    if intent is not None:
        return ("specialist" if intent.autonomy == "off" else "answer"), intent.queue
    return "answer", pack.queues[0].id if pack.queues else ""


def _priority(scores: Scores, intent: Intent | None, flags: tuple[Flag, ...], mood: Mood) -> Priority:
    """The intent's priority, one step up or down by what the customer says; at least high where there is a risk."""
    known = intent is not None and scores.intents[0][1] >= _SURE_ENOUGH
    step = _PRIORITIES.index(intent.priority if intent is not None and known else "normal")
    step = min(max(step + mood.urgency, 0), len(_PRIORITIES) - 1)
    return _PRIORITIES[max(step, _PRIORITIES.index("high"))] if flags else _PRIORITIES[step]
