"""Policy or a person decides, the answer is delivered, and all of it becomes feedback."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from contracts.events.answering import Citation, Draft, Finding, Validation
from contracts.events.event import Event, LongText, ShortText, Value
from contracts.events.understanding import Classification, Context, Priority, Ticket, Usage

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
    spent: Usage = Usage()
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
    headers_base64: dict[str, str] = Field(default={})
    error_type: ShortText
    attempts: Annotated[int, Field(ge=0)]
