"""Finds out what a ticket asks."""

from dataclasses import dataclass

from contracts.events import Ticket
from shared.sentences import questions_in_context, terms

PARTS_MAX = 5
QUESTIONS_CHARACTERS_MAX = 20_000
PART_CHARACTERS_MAX = 500
PART_TERMS_MIN = 3
WHOLE_CHARACTERS_MAX = 2_000
# A message with fewer content words leans on what was said before: "And on the Team plan?"
STANDS_ALONE_TERMS_MIN = 12
EARLIER_CHARACTERS_MAX = 600


def whole_of(ticket: Ticket) -> str:
    """The ticket as one bounded text, the basis for every part; a short one with the customer's message before it."""
    own = ticket.text[:WHOLE_CHARACTERS_MAX]
    if len(terms(own)) >= STANDS_ALONE_TERMS_MIN:
        return own
    earlier = [message.body for message in ticket.thread if message.author == "customer"]
    return "\n".join([own, *(body[:EARLIER_CHARACTERS_MAX] for body in earlier[-1:])])


@dataclass(frozen=True)
class Part:
    """A part of what is asked: `text` as the customer put it, `read` as it is to be understood."""

    text: str
    read: str


def parts_of(ticket: Ticket) -> list[Part]:
    """The parts that an answer must cover, at least one; near-repetitions count once."""
    parts: list[Part] = []
    for question, read in questions_in_context(ticket.text[:QUESTIONS_CHARACTERS_MAX]):
        words = set(terms(question))
        # "Any quicker way?" asks about what was said before; the ticket as a whole stands for it.
        if len(words) >= PART_TERMS_MIN and all(
            len(words & set(terms(part.text))) < 0.6 * len(words) for part in parts
        ):
            parts.append(Part(question[:PART_CHARACTERS_MAX], read[:PART_CHARACTERS_MAX]))
    whole = whole_of(ticket)[:PART_CHARACTERS_MAX] or "?"
    return parts[:PARTS_MAX] or [Part(whole, whole)]
