"""Decides what becomes of a checked draft, and carries out what people decided."""

from dataclasses import replace
from datetime import datetime

from contracts.events import (
    Answer,
    AnswerDelivered,
    AnswerReleased,
    AnswerValidated,
    Decision,
    FeedbackRecorded,
    ReviewCompleted,
    ReviewRequested,
    TicketReceived,
)
from contracts.pack import Pack
from services.escalation.ports import OPEN, CaseState, CaseWork, Status
from services.escalation.rules import Release, Review, Specialist, citations_in, decide, due_at
from shared.failures import InvalidMessage

POLICY = "policy"


async def on_ticket_received(event: TicketReceived, *, work: CaseWork) -> None:
    """This function will withdraw drafts for earlier turns: the customer has written again."""
    latest = await work.latest_turn(event)
    await work.supersede(event.conversation_id, before_turn=latest)


async def on_answer_validated(
    event: AnswerValidated, *, work: CaseWork, pack: Pack, trace_id: str, now: datetime
) -> str:
    """This function will release the answer or ask a person; a draft for an older turn is withdrawn.

    Returns what was decided: `released`, `review`, `specialist` or `superseded`.
    """
    if event.turn < await work.latest_turn(event):
        await work.save(CaseState(validated=event, status="superseded", trace_id=trace_id))
        return "superseded"
    outcome = decide(event, pack)
    if isinstance(outcome, Release):
        await work.save(CaseState(validated=event, status="released", trace_id=trace_id))
        decision = Decision(action="approve", final_text=event.draft.text, reviewer=POLICY, decided_at=now)
        await _release(event, event, decision, work, now)
        await _record(event, event, decision, trace_id, work, now)
        return "released"
    await _ask_a_person(event, outcome, pack, trace_id, work, now)
    return "specialist" if isinstance(outcome, Specialist) else "review"


async def _ask_a_person(
    event: AnswerValidated, outcome: Review | Specialist, pack: Pack, trace_id: str, work: CaseWork, now: datetime
) -> None:
    due = due_at(event.ticket.received_at, outcome.priority, pack)
    specialist = isinstance(outcome, Specialist)
    request = ReviewRequested.after(
        event,
        at=now,
        kind="specialist" if specialist else "review",
        queue=outcome.queue,
        priority=outcome.priority,
        reasons=outcome.reasons,
        due_at=due,
        trace_id=trace_id,
    )
    status: Status = "with_specialist" if specialist else "in_review"
    await work.save(CaseState(validated=event, status=status, trace_id=trace_id, due_at=due))
    await work.emit(request)


async def on_review_completed(event: ReviewCompleted, *, work: CaseWork, now: datetime) -> str:
    """This function will carry out a person's decision, once, and only on the newest turn.

    Returns what came of it: `released`, `rejected`, `reassigned`, `superseded` or `closed` (it was decided before).

    Raises:
        InvalidMessage: no review of this case was ever asked for, or there is no text to send.
    """
    latest = await work.latest_turn(event)
    case = await work.case(event.case_id)
    if case is None:
        raise InvalidMessage("a review of a case that is not known")
    if case.status not in OPEN:
        return "closed"
    if event.turn < latest:
        await work.save(replace(case, status="superseded"))
        return "superseded"
    decision = event.decision
    if decision.action == "reassign":
        await work.save(replace(case, status="with_specialist"))
        return "reassigned"
    sends = decision.action in ("approve", "edit")
    if sends and not decision.final_text:
        raise InvalidMessage("an approval without a text to send")
    if sends:
        await _release(event, case.validated, decision, work, now)
    await work.save(replace(case, status="released" if sends else "rejected"))
    await _record(event, case.validated, decision, case.trace_id, work, now)
    return "released" if sends else "rejected"


async def on_answer_delivered(event: AnswerDelivered, *, work: CaseWork) -> None:
    """This function will note whether the helpdesk has the answer."""
    case = await work.case(event.case_id)
    if case is not None:
        await work.save(replace(case, delivery=event.status))


async def _release(
    cause: AnswerValidated | ReviewCompleted, case: AnswerValidated, decision: Decision, work: CaseWork, now: datetime
) -> None:
    answer = Answer(text=decision.final_text, citations=citations_in(decision.final_text, case.draft))
    released = AnswerReleased.after(
        cause,
        at=now,
        source=case.ticket.source,
        external_id=case.ticket.external_id,
        sealed=case.ticket.sealed,
        answer=answer,
        released_by=decision.reviewer,
        policy_version=case.validation.policy_version,
    )
    await work.emit(released)


async def _record(
    cause: AnswerValidated | ReviewCompleted,
    case: AnswerValidated,
    decision: Decision,
    trace_id: str,
    work: CaseWork,
    now: datetime,
) -> None:
    record = FeedbackRecorded.after(
        cause,
        at=now,
        ticket=case.ticket.model_copy(update={"sealed": ""}),
        classification=case.classification,
        context=case.context,
        draft=case.draft,
        validation=case.validation,
        decided_by="policy" if decision.reviewer == POLICY else "person",
        decision=decision,
        trace_id=trace_id,
    )
    await work.emit(record)
