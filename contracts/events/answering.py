"""An answer is drafted and validated, by as many tiers of models as it is worth."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.events.event import Event, LongText, Probability, ShortText, Value
from contracts.events.understanding import Classification, Context, Ticket, Usage

# ── 4. drafting ──────────────────────────────────────────────────────────────────────────────────


class Citation(Value):
    """Links the span `[start, end)` of the answer's text to the evidence that supports it."""

    number: Annotated[int, Field(ge=1, le=99)]
    evidence_id: ShortText
    document_id: ShortText
    quote: Annotated[str, Field(max_length=4000)]
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]


class Offer(Value):
    """A further tier of models that could still be asked for a draft, and what that would probably cost and bring."""

    tier: ShortText
    cost_usd: Annotated[float, Field(ge=0.0)]
    acceptance: Annotated[Probability, Field(description="How probable it is that its draft may be sent.")]


class Draft(Value):
    """An answer that was not checked yet. An empty text says that nothing could be said."""

    text: LongText
    citations: Annotated[tuple[Citation, ...], Field(max_length=50)] = ()
    unanswered: Annotated[tuple[ShortText, ...], Field(max_length=20)] = ()
    drafter: ShortText
    model: ShortText
    prompt_version: ShortText = ""
    language: Annotated[str, Field(max_length=12)] = "en"
    tier: ShortText = ""
    fell_back_from: ShortText = ""
    usage: Usage = Usage()


class AnswerDrafted(Event):
    """A draft with citations exists, or the drafter abstained. `offers` are the tiers not yet asked, cheapest first."""

    type: ClassVar[str] = "answer-drafted"
    topic: ClassVar[str] = "answer-drafted"

    ticket: Ticket
    classification: Classification
    context: Context
    draft: Draft
    offers: Annotated[tuple[Offer, ...], Field(max_length=8)] = ()
    earlier: Annotated[tuple["Attempt", ...], Field(max_length=8)] = ()


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


class Attempt(Value):
    """A draft and what validation said of it."""

    draft: Draft
    validation: Validation


class RedraftRequested(Event):
    """No draft so far may be sent, and another `tier` is worth its price."""

    type: ClassVar[str] = "redraft-requested"
    topic: ClassVar[str] = "redraft-requested"

    ticket: Ticket
    classification: Classification
    context: Context
    tier: ShortText
    attempts: Annotated[tuple[Attempt, ...], Field(min_length=1, max_length=8)]


class AnswerValidated(Event):
    """Every claim has a verdict, and the whole a calibrated confidence. `spent` is what all attempts took."""

    type: ClassVar[str] = "answer-validated"
    topic: ClassVar[str] = "answer-validated"

    ticket: Ticket
    classification: Classification
    context: Context
    draft: Draft
    validation: Validation
    spent: Usage = Usage()
