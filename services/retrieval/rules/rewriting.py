"""What is searched for where a model puts the query, and what counts as a valid response of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from contracts.events import Ticket, TicketClassified, Usage
from services.retrieval.rules.query import build_query, squeezed, topic_of
from shared.embedding import Vectors
from shared.model_json import NotAsAgreed, read_form, strict_format
from shared.sentences import terms

QUESTIONS_MAX = 3
QUESTION_CHARACTERS_MAX = 400
MESSAGE_CHARACTERS_MAX = 6_000
EARLIER_MESSAGES_MAX = 6
EARLIER_CHARACTERS_MAX = 1_000
NOTHING_SPENT = Usage()
# From here on a query is embedded in several pieces, and most of its words are not what is asked.
_LONG_QUERY_WORDS = 150
# "And on Windows?" has one. By so few words alone hardly anything is found.
_HARDLY_ANY_TERMS = 1
_TOPIC_WORDS_LOOKED_UP = 4


class RewritingInvalid(Exception):
    """The model's response is no rewriting; the text says why, without its content."""


@dataclass(frozen=True)
class Rewriting:
    """What is searched for.

    Args:
        words: whose words passages are looked up by; a word that stands there twice counts more.
        meanings: texts whose meanings, each counting alike, passages are looked up by; at least one.
        rewritten_by: the model and the prompt; empty where no model's words are used.
        usage: what was spent, in vain too.
    """

    words: str
    meanings: tuple[str, ...]
    rewritten_by: str = ""
    usage: Usage = NOTHING_SPENT


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    questions: Annotated[
        list[Annotated[str, Field(max_length=QUESTION_CHARACTERS_MAX)]],
        BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
        Field(min_length=1, max_length=QUESTIONS_MAX),
    ]


def by_rules(ticket: Ticket, usage: Usage = NOTHING_SPENT) -> Rewriting:
    """The query without a model: the customer's own words, and for a short follow-up the topic of the turns before.

    The topic counts for half of the meaning, and for the words only where there are hardly any: measured on real
    conversations (MTRAG), words of earlier turns lead astray more often than they help.
    """
    own = build_query(ticket.subject, ticket.body)
    topic = topic_of(own, [message.body for message in ticket.thread if message.author == "customer"])
    if not topic:
        return Rewriting(own, (own,), usage=usage)
    stands_alone = len(terms(own)) > _HARDLY_ANY_TERMS
    words = own if stands_alone else " ".join([own, *topic[:_TOPIC_WORDS_LOOKED_UP]])
    return Rewriting(squeezed(words), (own, squeezed(" ".join([own, *topic]))), usage=usage)


def by_model(ticket: Ticket, response: str, *, rewritten_by: str, usage: Usage) -> Rewriting:
    """The query with the questions that a model put.

    The customer's own words are searched for as well. That finds more than either alone, and a model that misunderstood
    or dropped an error code then costs places in the ranking, but not the evidence.

    Raises:
        RewritingInvalid: the response is not JSON of the schema, or has no question.
    """
    question = " ".join(questions_in(response))
    own = build_query(ticket.subject, ticket.body)
    return Rewriting(squeezed(f"{question} {own}"), (question, own), rewritten_by[:500], usage)


def model_may_help(ticket: Ticket) -> bool:
    """Whether the ticket leans on a conversation, or is so long that most of its words are not the question."""
    words = len(build_query(ticket.subject, ticket.body).split())
    return words > 0 and (bool(ticket.thread) or words > _LONG_QUERY_WORDS)


def mean_direction(vectors: Sequence[Vectors]) -> Vectors:
    """One vector for several queries: the direction of their sum, as long as they are on average."""
    total = np.sum(vectors, axis=0)
    length = float(np.mean([np.linalg.norm(vector) for vector in vectors]))
    mean: Vectors = (total * (length / max(float(np.linalg.norm(total)), 1e-12))).astype(np.float32)
    return mean


def response_format() -> dict[str, Any]:
    """The `response_format` of the request: a strict JSON schema."""
    return strict_format("rewriting", {"questions": {"type": "array", "items": {"type": "string"}}})


def conversation(event: TicketClassified) -> dict[str, Any]:
    """The user message: an object that travels as JSON, so that no message can pass for another or for instructions."""
    ticket = event.ticket
    return {
        "language": event.classification.language,
        "earlier_messages": [
            {"author": message.author, "body": message.body[:EARLIER_CHARACTERS_MAX]}
            for message in ticket.thread[-EARLIER_MESSAGES_MAX:]
        ],
        "last_message": {"subject": ticket.subject, "body": ticket.body[:MESSAGE_CHARACTERS_MAX]},
    }


def questions_in(response: str) -> list[str]:
    """The questions of a response, without placeholders of personal data.

    Raises:
        RewritingInvalid: it is not JSON of the schema, or has no question.
    """
    try:
        read = read_form(response, _Response)
    except NotAsAgreed as error:
        raise RewritingInvalid(str(error)) from None
    questions = [found for question in read.questions if (found := squeezed(question))]
    if not questions:
        raise RewritingInvalid("no question")
    return questions
