"""The portal's tables, in the schema `portal`; nobody else reads them."""

from datetime import datetime
from functools import cached_property

from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from contracts.events import ReviewRequested


class Membership(models.Model):
    """Lets a user see one tenant; an agent may be kept to some of its queues."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    tenant = models.CharField(max_length=63)
    queues = ArrayField(
        models.CharField(max_length=500),
        default=list,
        blank=True,
        help_text="Queues an agent works on, separated by commas; empty means every queue. Leads see all.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "tenant"], name="one_membership_per_tenant")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.tenant}"


class Conversation(models.Model):
    """One ticket of the helpdesk: which customer turn is the newest."""

    conversation_id = models.UUIDField(primary_key=True)
    tenant = models.CharField(max_length=63)
    latest_turn = models.PositiveIntegerField()

    def __str__(self) -> str:
        return str(self.conversation_id)


class Status(models.TextChoices):
    """Where a case stands."""

    PENDING = "pending"
    DECIDED = "decided"
    SUPERSEDED = "superseded"


class Case(models.Model):
    """One customer turn that a person has to decide, with the whole event that asked for it.

    `version` rises with every change that a reader of the old state must notice. `claimed_until` ends a lease.
    `traceparent` is the span in which the request arrived.
    """

    case_id = models.UUIDField(primary_key=True)
    tenant = models.CharField(max_length=63)
    conversation_id = models.UUIDField()
    turn = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    version = models.PositiveIntegerField(default=1)

    kind = models.CharField(max_length=10)
    queue = models.CharField(max_length=500)
    priority = models.CharField(max_length=6)
    priority_rank = models.SmallIntegerField()
    due_at = models.DateTimeField()
    subject = models.CharField(max_length=500)
    headline = models.CharField(max_length=1000, blank=True)
    intent = models.CharField(max_length=500, blank=True)
    confidence = models.FloatField()
    payload = models.JSONField()
    traceparent = models.CharField(max_length=64, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    received_at = models.DateTimeField(db_default=Now())

    claimed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)

    handed_on_by = models.CharField(max_length=150, blank=True)
    handed_on_note = models.CharField(max_length=4000, blank=True)

    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    action = models.CharField(max_length=10, blank=True)
    final_text = models.TextField(blank=True)
    reason_code = models.CharField(max_length=500, blank=True)
    note = models.CharField(max_length=4000, blank=True)
    seconds_spent = models.FloatField(default=0.0)

    delivery_status = models.CharField(max_length=10, blank=True)
    delivery_error = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["tenant", "due_at", "priority_rank", "case_id"],
                name="most_urgent_first",
                condition=Q(status="pending"),
            ),
            models.Index(fields=["tenant", "-decided_at"], name="newest_decision", condition=Q(status="decided")),
            models.Index(fields=["conversation_id"], name="cases_of_conversation"),
        ]
        constraints = [models.CheckConstraint(condition=Q(status__in=Status.values), name="status_is_known")]

    def __str__(self) -> str:
        return str(self.case_id)

    @cached_property
    def request(self) -> ReviewRequested:
        """The event that asked for a person."""
        return ReviewRequested.model_validate(self.payload)

    def held_by(self, now: datetime) -> User | None:
        """Who has the case open at the instant `now`, or None."""
        return self.claimed_by if self.claimed_until is not None and self.claimed_until > now else None


class LoginFailure(models.Model):
    """A failed attempt to log in; kept as long as it counts."""

    username = models.CharField(max_length=150)
    address = models.CharField(max_length=64)
    failed_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.failed_at)


class Inbox(models.Model):
    """Messages that were handled, so that a redelivered one does nothing."""

    pk = models.CompositePrimaryKey("consumer", "event_id")
    consumer = models.TextField()
    event_id = models.UUIDField()
    handled_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "inbox"

    def __str__(self) -> str:
        return f"{self.consumer} {self.event_id}"


class Outbox(models.Model):
    """Messages committed with their cause, which `shared.relay` moves to Kafka."""

    event_id = models.UUIDField(unique=True)
    topic = models.TextField()
    key = models.TextField()
    headers = models.JSONField()
    body = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbox"

    def __str__(self) -> str:
        return f"{self.topic} {self.event_id}"
