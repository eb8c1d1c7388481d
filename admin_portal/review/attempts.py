"""Limits failed log-ins, in the database, so that the limit holds across processes."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from admin_portal.review.models import LoginFailure
from shared import clock

WINDOW = timedelta(minutes=15)
PER_USER_AND_ADDRESS_MAX = 5
PER_USER_MAX = 30
PER_ADDRESS_MAX = 50


def too_many_failures(username: str, address: str, now: datetime) -> bool:
    """True where this user, this address or both together failed too often within the last 15 minutes."""
    recent = LoginFailure.objects.filter(failed_at__gt=now - WINDOW)
    by_user = recent.filter(username=username)
    return (
        by_user.filter(address=address).count() >= PER_USER_AND_ADDRESS_MAX
        or by_user.count() >= PER_USER_MAX
        or recent.filter(address=address).count() >= PER_ADDRESS_MAX
    )


def address_of(request: HttpRequest) -> str:
    """The client's address. Behind the TLS proxy it is the last one in X-Forwarded-For, which the proxy added."""
    if settings.BEHIND_TLS_PROXY and (forwarded := request.headers.get("X-Forwarded-For")):
        return forwarded.rsplit(",", 1)[-1].strip()[:64]
    return str(request.META.get("REMOTE_ADDR", ""))[:64]


def normalised(username: str) -> str:
    """The user name as it is counted: case and length make no new name."""
    return username.strip().casefold()[:150]


@receiver(user_login_failed)
def _count(*, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    if request is None:
        return
    now = clock.now()
    LoginFailure.objects.filter(failed_at__lt=now - WINDOW).delete()
    LoginFailure.objects.create(
        username=normalised(str(credentials.get("username", ""))), address=address_of(request), failed_at=now
    )
