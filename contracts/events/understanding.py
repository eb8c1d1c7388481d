"""A ticket is received, classified, and its evidence found."""

import math
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.events.event import Event, LongText, Probability, ShortText, Value

# ── 1. intake ────────────────────────────────────────────────────────────────────────────────────


class Message(Value):
    """One earlier message of the conversation, personal data replaced by tokens."""

    author: Literal["customer", "agent"]
    body: LongText
    sent_at: datetime


class Ticket(Value):
    """The customer's message as intake normalised it, personal data replaced by tokens such as `[EMAIL_1]`."""

    source: ShortText
    external_id: ShortText
    channel: ShortText = "api"
    requester: Annotated[str, Field(max_length=64, description="Pseudonym, stable for one person of one tenant.")]
    subject: ShortText = ""
    body: LongText
    thread: Annotated[tuple[Message, ...], Field(max_length=20)] = ()
    sealed: Annotated[str, Field(max_length=400_000, description="The tokens' originals, encrypted (Fernet).")] = ""
    received_at: datetime

    @property
    def text(self) -> str:
        """Subject and body as one text, for models."""
        return f"{self.subject}\n\n{self.body}".strip()


class TicketReceived(Event):
    """A customer wrote; the message is safe."""

    type: ClassVar[str] = "ticket-received"
    topic: ClassVar[str] = "ticket-received"

    ticket: Ticket


# ── 2. classification ────────────────────────────────────────────────────────────────────────────

Priority = Literal["low", "normal", "high", "urgent"]
Route = Literal["answer", "specialist"]


_PROBABILITY_OF_AN_UNLISTED_ARTICLE = 0.01


class RankedIntent(Value):
    """One intent with its calibrated probability."""

    intent: ShortText
    probability: Probability


class RankedArticle(Value):
    """One article of the knowledge, and how probable it is that it answers the ticket."""

    article: ShortText
    probability: Probability


class Flag(Value):
    """One risk that was seen in the ticket, and how sure the model is."""

    flag: ShortText
    probability: Probability


class Classification(Value):
    """What a ticket is about."""

    intents: Annotated[tuple[RankedIntent, ...], Field(max_length=10, description="Most probable first.")]
    articles: Annotated[
        tuple[RankedArticle, ...],
        Field(
            max_length=10,
            description="What answered tickets like this one, by the name in the pack, most probable first.",
        ),
    ] = ()
    asked: Annotated[
        tuple[RankedIntent, ...],
        Field(max_length=8, description="The likeliest intent of each question, in order, where there are several."),
    ] = ()
    out_of_scope: Probability
    questions: Annotated[int, Field(ge=0, le=50)] = 1
    priority: Priority
    sentiment: Annotated[float, Field(ge=-1.0, le=1.0)]
    language: Annotated[str, Field(max_length=12, description="BCP 47 tag.")]
    language_probability: Probability = 1.0
    flags: Annotated[tuple[Flag, ...], Field(max_length=20)] = ()
    route: Route
    queue: ShortText
    model_version: ShortText

    @property
    def intent(self) -> str | None:
        """The most probable intent, or None where none is known."""
        return self.intents[0].intent if self.intents else None

    def article_log_odds(self, article: str) -> float:
        """How far the log odds of an article to answer are above those of one that is not listed: from 0 to about 9."""
        least = _PROBABILITY_OF_AN_UNLISTED_ARTICLE
        probability = next((one.probability for one in self.articles if one.article == article), least)
        bounded = min(max(probability, least), 1 - least)
        return math.log(bounded / (1 - bounded)) - math.log(least / (1 - least))


class TicketClassified(Event):
    """Intents, risks, priority and language of the ticket are known."""

    type: ClassVar[str] = "ticket-classified"
    topic: ClassVar[str] = "ticket-classified"

    ticket: Ticket
    classification: Classification


# ── 3. retrieval ─────────────────────────────────────────────────────────────────────────────────


class Evidence(Value):
    """A passage that may answer the ticket, with the place it was taken from."""

    evidence_id: ShortText
    document_id: ShortText
    title: ShortText
    url: Annotated[str, Field(max_length=2000)] = ""
    heading: ShortText = ""
    text: LongText
    start: Annotated[int, Field(ge=0, description="Character offset in the document, inclusive.")]
    end: Annotated[int, Field(ge=0, description="Character offset in the document, exclusive.")]
    score: Annotated[float, Field(description="Fused rank score; comparable within one search only.")]
    similarity: Annotated[
        float,
        Field(
            ge=-1.0,
            le=1.0,
            description="Cosine of the embeddings, moved so that texts with nothing in common are about 0.",
        ),
    ]
    lexical: Annotated[float, Field(ge=0.0, description="Lexical score of the passage.")] = 0.0
    document_version: ShortText = ""
    language: Annotated[str, Field(max_length=12, description="BCP 47 tag; empty where it is not known.")] = ""


class Usage(Value):
    """What the models took: tokens, cost in US dollars, seconds."""

    input_tokens: Annotated[int, Field(ge=0)] = 0
    output_tokens: Annotated[int, Field(ge=0)] = 0
    cost_usd: Annotated[float, Field(ge=0.0)] = 0.0
    latency_seconds: Annotated[float, Field(ge=0.0)] = 0.0


class Context(Value):
    """The evidence for one ticket, best first, and what was searched for."""

    evidence: Annotated[tuple[Evidence, ...], Field(max_length=50)]
    query: Annotated[str, Field(max_length=20_000)]
    index_version: ShortText = ""
    rewritten_by: Annotated[ShortText, Field(description="Model and prompt that put the query; empty: rules did.")] = ""
    usage: Annotated[Usage, Field(description="What was spent on putting the query, in vain too.")] = Usage()


class ContextRetrieved(Event):
    """Evidence was looked for; an empty list is a result."""

    type: ClassVar[str] = "context-retrieved"
    topic: ClassVar[str] = "context-retrieved"

    ticket: Ticket
    classification: Classification
    context: Context
