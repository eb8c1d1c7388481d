"""What a person may decide about a case, and the one transaction that makes it so.

Two people cannot both decide: the `UPDATE` names the version that was read, and only one of them changes a row. The
outbox row is committed with it, so the decision reaches Kafka also if Kafka is down at that moment.
"""

from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from django.contrib.auth.models import User
from django.db import transaction
from opentelemetry.context import Context

from admin_portal.review.access import cases_of
from admin_portal.review.claims import free_for
from admin_portal.review.models import Case, Outbox, Status
from admin_portal.review.queues import queue_titles
from admin_portal.review.tokens import unknown_tokens
from contracts.events import Action, Decision, ReviewCompleted, ReviewRequested
from shared.envelope import encode
from shared.telemetry import link_to, tracer

SERVICE = "admin_portal"
SECONDS_SPENT_MAX = 4 * 3600.0
REASONS = {
    "wrong": "The answer is wrong",
    "incomplete": "It leaves a question open",
    "unsupported": "The evidence does not support it",
    "outdated": "The source is out of date",
    "off_topic": "It answers something else",
    "tone": "The tone is wrong",
    "language": "The language is wrong",
    "policy": "It breaks a policy",
    "needs_account": "It needs access to the account",
    "no_reply_needed": "No reply is needed",
    "other": "Something else",
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the reviewer asks for; `text` is the edited answer, `queue` where to hand the case."""

    action: Action
    text: str = ""
    reason_code: str = ""
    note: str = ""
    queue: str = ""


class DecisionInvalid(Exception):
    """The decision lacks something; the text tells the reviewer what."""


class CaseMovedOn(Exception):
    """The case is not what the reviewer read: decided, superseded, changed, or open at somebody else's."""

    def __init__(self, case: Case) -> None:
        super().__init__(f"case {case.case_id} is {case.status}, version {case.version}")
        self.case = case


def checked(verdict: Verdict, request: ReviewRequested, *, queue: str, queues: Container[str]) -> Verdict:
    """The verdict with all that its action needs and nothing else; an unchanged edit is an approval.

    Raises:
        DecisionInvalid: something is missing.
    """
    draft = request.draft.text
    text = verdict.text.replace("\r\n", "\n").strip()
    match verdict.action:
        case "approve" | "edit" if verdict.action == "approve" or text == draft.strip():
            if not draft.strip():
                raise DecisionInvalid("There is no draft to approve: write the answer with Edit.")
            return replace(verdict, action="approve", text=draft, reason_code="", queue="")
        case "edit":
            if not text:
                raise DecisionInvalid("The answer is empty. To send none, reject the draft.")
            if unknown := unknown_tokens(text, request.ticket):
                raise DecisionInvalid(f"The ticket has no {', '.join(unknown)}, so it could not be filled in.")
            return replace(verdict, text=text, reason_code="", queue="")
        case "reject":
            if verdict.reason_code not in REASONS:
                raise DecisionInvalid("Choose why the draft is rejected.")
            if verdict.reason_code == "other" and not verdict.note.strip():
                raise DecisionInvalid("Say in the note what is wrong.")
            return replace(verdict, text="", queue="")
        case _:
            if verdict.queue == queue or verdict.queue not in queues:
                raise DecisionInvalid("Choose the queue that should take the case.")
            return replace(verdict, text="", reason_code="")


def completed(
    request: ReviewRequested, verdict: Verdict, *, reviewer: str, seconds_spent: float, version: int, now: datetime
) -> ReviewCompleted:
    """The event of a checked verdict. A case can be handed on several times, so there the id tells versions apart."""
    decision = Decision(
        action=verdict.action,
        final_text=verdict.text,
        reason_code=verdict.reason_code,
        note=verdict.note.strip(),
        queue=verdict.queue,
        reviewer=reviewer,
        decided_at=now,
        seconds_spent=seconds_spent,
    )
    event = ReviewCompleted.after(request, at=now, decision=decision)
    if verdict.action != "reassign":
        return event
    return event.model_copy(update={"event_id": uuid5(event.event_id, f"reassign:{version}")})


def decide(user: User, case_id: UUID, *, version: int, verdict: Verdict, now: datetime) -> ReviewCompleted:
    """This function will record the decision and its event in one transaction.

    Args:
        version: of the case as the reviewer read it.

    Raises:
        Case.DoesNotExist: the user may not see the case.
        DecisionInvalid: something is missing.
        CaseMovedOn: somebody was quicker.
    """
    case = cases_of(user).select_related("claimed_by").get(pk=case_id)
    request = case.request
    verdict = checked(verdict, request, queue=case.queue, queues=queue_titles(case.tenant))
    event = completed(
        request,
        verdict,
        reviewer=user.get_username(),
        seconds_spent=_seconds_spent(case, user, now),
        version=version,
        now=now,
    )
    span = tracer.start_as_current_span(
        "review",
        context=Context(),  # A trace of its own: hours may lie between.
        links=link_to(case.traceparent),
        attributes={
            "handrail.case.id": str(case_id),
            "handrail.tenant": case.tenant,
            "handrail.decision": event.decision.action,
        },
    )
    with span, transaction.atomic():
        if not _update(user, case_id, version, event, now):
            raise CaseMovedOn(cases_of(user).select_related("claimed_by").get(pk=case_id))
        _publish(event)
    return event


def _seconds_spent(case: Case, user: User, now: datetime) -> float:
    if case.claimed_at is None or case.held_by(now) != user:
        return 0.0
    return min(SECONDS_SPENT_MAX, max(0.0, (now - case.claimed_at).total_seconds()))


def _update(user: User, case_id: UUID, version: int, event: ReviewCompleted, now: datetime) -> bool:
    decision = event.decision
    read = cases_of(user).filter(pk=case_id, version=version, status=Status.PENDING).filter(free_for(user, now))
    if decision.action == "reassign":
        changes: dict[str, object] = {
            "queue": decision.queue,
            "handed_on_by": decision.reviewer,
            "handed_on_note": decision.note,
        }
    else:
        changes = {
            "status": Status.DECIDED,
            "decided_by": decision.reviewer,
            "decided_at": now,
            "action": decision.action,
            "final_text": decision.final_text,
            "reason_code": decision.reason_code,
            "note": decision.note,
            "seconds_spent": decision.seconds_spent,
        }
    unclaimed = {"claimed_by": None, "claimed_until": None, "claimed_at": None}
    return read.update(version=version + 1, **changes, **unclaimed) == 1


def _publish(event: ReviewCompleted) -> None:
    message = encode(event, service=SERVICE)
    Outbox.objects.create(
        event_id=event.event_id,
        topic=message.topic,
        key=message.key,
        headers=dict(message.headers),
        body=message.body,
    )
