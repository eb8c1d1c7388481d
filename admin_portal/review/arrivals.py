"""What messages change in the portal's tables: each in one transaction with its inbox row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from admin_portal.review.models import Case, Status
from contracts.events import AnswerDelivered, Event, ReviewRequested, TicketReceived
from shared.failures import DependencyDown, Retryable
from shared.telemetry import trace_id_of

PRIORITY_RANK = {"urgent": 0, "high": 1, "normal": 2, "low": 3}


def open_case(event: ReviewRequested, traceparent: str = "") -> None:
    """This function will have the case wait for a person, unless the customer has written again or it is decided.

    A second request for a waiting case replaces the first; who reads the old draft can no longer decide it.
    """
    with _once(event) as is_new:
        if not is_new:
            return
        latest_turn = _latest_turn(event)
        fields = {
            "status": Status.PENDING if event.turn >= latest_turn else Status.SUPERSEDED,
            "kind": event.kind,
            "queue": event.queue,
            "priority": event.priority,
            "priority_rank": PRIORITY_RANK[event.priority],
            "due_at": event.due_at,
            "subject": _storable(event.ticket.subject),
            "headline": _storable(event.reasons[0].message) if event.reasons else "",
            "intent": event.classification.intent or "",
            "confidence": event.validation.confidence,
            "payload": _storable(event.model_dump(mode="json")),
            "traceparent": traceparent,
            "trace_id": event.trace_id or trace_id_of(traceparent),
        }
        _, created = Case.objects.get_or_create(
            case_id=event.case_id,
            defaults={
                "tenant": event.tenant,
                "conversation_id": event.conversation_id,
                "turn": event.turn,
                **fields,
            },
        )
        if not created:
            waiting = Case.objects.filter(case_id=event.case_id, tenant=event.tenant, status=Status.PENDING)
            waiting.update(**fields, version=F("version") + 1)


def note_turn(event: TicketReceived) -> None:
    """This function will withdraw the drafts for earlier messages of the conversation."""
    with _once(event) as is_new:
        if is_new:
            _latest_turn(event)


def note_delivery(event: AnswerDelivered) -> None:
    """This function will show at the case whether its answer arrived."""
    with _once(event) as is_new:
        if is_new:
            Case.objects.filter(case_id=event.case_id, tenant=event.tenant).update(
                delivery_status=event.status, delivery_error=_storable(event.error)
            )


def _latest_turn(event: Event) -> int:
    """The newest turn that is known of the conversation; older cases that wait are superseded.

    The conversation's row is locked until the transaction ends, so that a case and a newer turn cannot miss each other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO review_conversation AS known (conversation_id, tenant, latest_turn) VALUES (%s, %s, %s)"
            " ON CONFLICT (conversation_id) DO UPDATE"
            " SET latest_turn = greatest(known.latest_turn, excluded.latest_turn) RETURNING latest_turn",
            [event.conversation_id, event.tenant, event.turn],
        )
        latest_turn = int(cursor.fetchone()[0])
    older = Case.objects.filter(conversation_id=event.conversation_id, status=Status.PENDING, turn__lt=latest_turn)
    older.update(
        status=Status.SUPERSEDED, version=F("version") + 1, claimed_by=None, claimed_until=None, claimed_at=None
    )
    return latest_turn


@contextmanager
def _once(event: Event) -> Iterator[bool]:
    """A transaction; False where the event was handled before.

    Raises:
        DependencyDown: PostgreSQL is not reachable.
        Retryable: a deadlock, or a lock that was not to be had.
    """
    try:
        with transaction.atomic():
            yield _is_new(f"admin_portal:{event.type}", event.event_id)
    except (OperationalError, InterfaceError) as error:
        state = getattr(error.__cause__, "sqlstate", None) or ""
        if state.startswith(("40", "55")):
            raise Retryable(f"PostgreSQL refused for now ({state})") from error
        raise DependencyDown("PostgreSQL is not reachable") from error


def _is_new(consumer: str, event_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO inbox (consumer, event_id) VALUES (%s, %s) ON CONFLICT DO NOTHING", [consumer, event_id]
        )
        return bool(cursor.rowcount == 1)


def _storable(value: Any) -> Any:
    """The value without NUL characters, which PostgreSQL cannot store."""
    match value:
        case str():
            return value.replace("\x00", "")
        case dict():
            return {key: _storable(item) for key, item in value.items()}
        case list():
            return [_storable(item) for item in value]
        case _:
            return value
