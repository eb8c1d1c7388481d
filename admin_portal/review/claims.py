"""While somebody has a case open, others see who, and leave it alone. A claim is a lease, so it ends by itself."""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Case as Choose
from django.db.models import F, Q, Value, When

from admin_portal.review.access import Role, cases_of, role_of
from admin_portal.review.models import Status

LEASE = timedelta(minutes=10)


def free_for(user: User, now: datetime) -> Q:
    """Cases that nobody else has open at the instant `now`."""
    return Q(claimed_by=user) | Q(claimed_until=None) | Q(claimed_until__lte=now)


def claim(user: User, case_id: UUID, now: datetime, *, take_over: bool = False) -> bool:
    """This function will claim the case for ten minutes, or prolong the claim; False where another has it.

    A lead may take a case over from whoever has it open.
    """
    wanted = cases_of(user).filter(pk=case_id, status=Status.PENDING)
    if not (take_over and role_of(user) >= Role.LEAD):
        wanted = wanted.filter(free_for(user, now))
    opened_at = Choose(When(claimed_by=user, claimed_until__gt=now, then=F("claimed_at")), default=Value(now))
    return wanted.update(claimed_by=user, claimed_until=now + LEASE, claimed_at=opened_at) == 1


def release(user: User, case_id: UUID) -> None:
    """This function will give up the user's claim, if it is the user's."""
    cases_of(user).filter(pk=case_id, claimed_by=user).update(claimed_by=None, claimed_until=None, claimed_at=None)
