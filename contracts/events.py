"""Every event, in the order in which a ticket meets them; the source of truth for the wire format.

Events carry the case: each one holds what the next stage needs, so that stages need no look-ups.
A *conversation* is one ticket in the helpdesk; a *case* is one customer turn in it that needs an answer.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, Self
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
ShortText = Annotated[str, Field(max_length=500)]
LongText = Annotated[str, Field(max_length=200_000)]


class Value(BaseModel):
    """A frozen part of an event. Consumers ignore fields they do not know, so that fields can be added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Value):
    """What every event says about itself and its case.

    `event_id` is the CloudEvents id; it is derived from the parent's, so that a repeated step repeats the event.
    """

    type: ClassVar[str]
    topic: ClassVar[str]

    event_id: UUID
    occurred_at: datetime
    tenant: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    conversation_id: UUID
    case_id: UUID
    turn: Annotated[int, Field(ge=1, description="Number of the customer's message; a newer turn supersedes.")]

    @property
    def key(self) -> str:
        """The Kafka key: one conversation of one tenant stays on one partition."""
        return f"{self.tenant}:{self.conversation_id}"

    @classmethod
    def after(cls, parent: "Event", *, at: datetime, **fields: object) -> Self:
        """The event of this type that `parent` gives rise to, at the instant `at`.

        Fields of the case that both have are carried over. The id is `uuid5(parent's id, type)` (RFC 9562),
        so that handling a redelivered parent produces the same event again.
        """
        carried = {name: getattr(parent, name) for name in cls.model_fields if hasattr(parent, name)}
        derived = {"event_id": uuid5(parent.event_id, cls.type), "occurred_at": at}
        return cls.model_validate({**carried, **fields, **derived})


def conversation_id_of(tenant: str, source: str, external_id: str) -> UUID:
    """The id of the conversation that the helpdesk `source` calls `external_id`."""
    return uuid5(NAMESPACE_URL, f"handrail:{tenant}:{source}:{external_id}")


def case_id_of(conversation_id: UUID, turn: int) -> UUID:
    """The id of the case that customer turn number `turn` (from 1) opens in a conversation."""
    return uuid5(conversation_id, f"turn:{turn}")


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


class RankedIntent(Value):
    """One intent with its calibrated probability."""

    intent: ShortText
    probability: Probability


class Flag(Value):
    """One risk that was seen in the ticket, and how sure the model is."""

    flag: ShortText
    probability: Probability


class Classification(Value):
    """What a ticket is about."""

    intents: Annotated[tuple[RankedIntent, ...], Field(max_length=10, description="Most probable first.")]
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
    similarity: Annotated[float, Field(ge=-1.0, le=1.0, description="Cosine of the embeddings.")]
    lexical: Annotated[float, Field(ge=0.0, description="Lexical score of the passage.")] = 0.0
    document_version: ShortText = ""


class Context(Value):
    """The evidence for one ticket, best first."""

    evidence: Annotated[tuple[Evidence, ...], Field(max_length=50)]
    query: Annotated[str, Field(max_length=20_000)]
    index_version: ShortText = ""


class ContextRetrieved(Event):
    """Evidence was looked for; an empty list is a result."""

    type: ClassVar[str] = "context-retrieved"
    topic: ClassVar[str] = "context-retrieved"

    ticket: Ticket
    classification: Classification
    context: Context


# ── 4. drafting ──────────────────────────────────────────────────────────────────────────────────


class Citation(Value):
    """Links the span `[start, end)` of the answer's text to the evidence that supports it."""

    number: Annotated[int, Field(ge=1, le=99)]
    evidence_id: ShortText
    document_id: ShortText
    quote: Annotated[str, Field(max_length=4000)]
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]


class Usage(Value):
    """What the models took: tokens, cost in US dollars, seconds."""

    input_tokens: Annotated[int, Field(ge=0)] = 0
    output_tokens: Annotated[int, Field(ge=0)] = 0
    cost_usd: Annotated[float, Field(ge=0.0)] = 0.0
    latency_seconds: Annotated[float, Field(ge=0.0)] = 0.0


class Draft(Value):
    """An answer that was not checked yet. An empty text says that nothing could be said."""

    text: LongText
    citations: Annotated[tuple[Citation, ...], Field(max_length=50)] = ()
    unanswered: Annotated[tuple[ShortText, ...], Field(max_length=20)] = ()
    drafter: ShortText
    model: ShortText
    prompt_version: ShortText = ""
    language: Annotated[str, Field(max_length=12)] = "en"
    fell_back_from: ShortText = ""
    usage: Usage = Usage()


class AnswerDrafted(Event):
    """A draft with citations exists, or the drafter abstained."""

    type: ClassVar[str] = "answer-drafted"
    topic: ClassVar[str] = "answer-drafted"

    ticket: Ticket
    classification: Classification
    context: Context
    draft: Draft


# ── 5. validation ────────────────────────────────────────────────────────────────────────────────


class ClaimVerdict(Value):
    """Whether one claim of the draft is supported by what it cites."""

    claim: Annotated[str, Field(max_length=4000)]
    supported: bool
    support: Probability
    citations: Annotated[tuple[int, ...], Field(max_length=50)] = ()


class Finding(Value):
    """Something a reviewer should know, in words for people. Blocking findings forbid automatic release."""

    code: ShortText
    severity: Literal["info", "warning", "blocking"]
    message: Annotated[str, Field(max_length=1000)]


class Validation(Value):
    """The verdict on a draft, reached independently of the drafter."""

    verdict: Literal["pass", "warn", "block"]
    claims: Annotated[tuple[ClaimVerdict, ...], Field(max_length=100)] = ()
    findings: Annotated[tuple[Finding, ...], Field(max_length=50)] = ()
    confidence: Annotated[float, Field(ge=0.0, le=1.0, description="Calibrated probability that the draft is right.")]
    confidence_sample_size: Annotated[int, Field(ge=0, description="Labelled cases behind the calibration.")] = 0
    model_version: ShortText
    policy_version: ShortText


class AnswerValidated(Event):
    """Every claim has a verdict, and the whole a calibrated confidence."""

    type: ClassVar[str] = "answer-validated"
    topic: ClassVar[str] = "answer-validated"

    ticket: Ticket
    classification: Classification
    context: Context
    draft: Draft
    validation: Validation


# ── 6. escalation asks a person ──────────────────────────────────────────────────────────────────


class ReviewRequested(Event):
    """A person is needed: a reviewer, or a specialist of the named queue."""

    type: ClassVar[str] = "review-requested"
    topic: ClassVar[str] = "review-requested"

    ticket: Ticket
    classification: Classification
    context: Context
    draft: Draft
    validation: Validation
    kind: Literal["review", "specialist"]
    queue: ShortText
    priority: Priority
    reasons: Annotated[tuple[Finding, ...], Field(max_length=50, description="What to look at first, first.")]
    due_at: datetime
    trace_id: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$", description="The case's trace (W3C).")] = ""


# ── 7. the portal answers ────────────────────────────────────────────────────────────────────────

Action = Literal["approve", "edit", "reject", "reassign"]


class Decision(Value):
    """What a person decided, and why. `final_text` is the answer to send, empty where none is sent."""

    action: Action
    final_text: LongText = ""
    reason_code: ShortText = ""
    note: Annotated[str, Field(max_length=4000)] = ""
    queue: ShortText = ""
    reviewer: Annotated[str, Field(max_length=150)]
    decided_at: datetime
    seconds_spent: Annotated[float, Field(ge=0.0)] = 0.0


class ReviewCompleted(Event):
    """A person decided a case."""

    type: ClassVar[str] = "review-completed"
    topic: ClassVar[str] = "review-completed"

    decision: Decision


# ── 8. escalation lets an answer out ─────────────────────────────────────────────────────────────


class Answer(Value):
    """The text that goes to the customer (tokens still in place), with the proof it stands on."""

    text: Annotated[str, Field(min_length=1, max_length=200_000)]
    citations: Annotated[tuple[Citation, ...], Field(max_length=50)] = ()


class AnswerReleased(Event):
    """The final answer, and who or what let it out under which policy."""

    type: ClassVar[str] = "answer-released"
    topic: ClassVar[str] = "answer-released"

    source: ShortText
    external_id: ShortText
    sealed: Annotated[str, Field(max_length=400_000)] = ""
    answer: Answer
    released_by: Annotated[str, Field(max_length=150, description="`policy`, or the reviewer's name.")]
    policy_version: ShortText


# ── 9. delivery reports ──────────────────────────────────────────────────────────────────────────


class AnswerDelivered(Event):
    """The helpdesk's receipt, or why the answer could not be sent."""

    type: ClassVar[str] = "answer-delivered"
    topic: ClassVar[str] = "answer-delivered"

    status: Literal["delivered", "failed"]
    receipt: ShortText = ""
    error: ShortText = ""
    attempts: Annotated[int, Field(ge=1)]


# ── 10. what came of it ──────────────────────────────────────────────────────────────────────────


class OutcomeObserved(Event):
    """The conversation was reopened, solved, or rated by the customer."""

    type: ClassVar[str] = "outcome-observed"
    topic: ClassVar[str] = "outcome-observed"

    outcome: Literal["reopened", "solved", "rated"]
    rating: Annotated[int, Field(ge=1, le=5)] | None = None


# ── 11. feedback ─────────────────────────────────────────────────────────────────────────────────


class FeedbackRecorded(Event):
    """One self-contained training record for one decided case."""

    type: ClassVar[str] = "feedback-recorded"
    topic: ClassVar[str] = "feedback-recorded"

    ticket: Ticket
    classification: Classification
    context: Context
    draft: Draft
    validation: Validation
    decided_by: Literal["policy", "person"]
    decision: Decision
    trace_id: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = ""


# ── Anything that could not be processed ─────────────────────────────────────────────────────────


class DeadLetter(Value):
    """A message that could not be processed, with all that is needed to replay it (body and headers base64)."""

    type: ClassVar[str] = "dead-letter"
    topic: ClassVar[str] = "dead-letter"

    event_id: UUID
    occurred_at: datetime
    service: ShortText
    original_topic: ShortText
    original_partition: int
    original_offset: int
    key_base64: str = ""
    body_base64: str
    headers_base64: dict[str, str] = {}
    error_type: ShortText
    attempts: Annotated[int, Field(ge=0)]


EVENTS: tuple[type[Event], ...] = (
    TicketReceived,
    TicketClassified,
    ContextRetrieved,
    AnswerDrafted,
    AnswerValidated,
    ReviewRequested,
    ReviewCompleted,
    AnswerReleased,
    AnswerDelivered,
    OutcomeObserved,
    FeedbackRecorded,
)
