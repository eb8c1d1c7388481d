"""Who may see and do what: tenants, queues, and the roles agent < lead < admin."""

from enum import IntEnum
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from admin_portal.review.models import Case


class Role(IntEnum):
    """Each role may do all that those below it may."""

    NONE = 0
    AGENT = 1
    LEAD = 2
    ADMIN = 3


GROUPS = {"agent": Role.AGENT, "lead": Role.LEAD, "admin": Role.ADMIN}


class Reader(HttpRequest):
    """A request of somebody who is logged in."""

    user: User


def create_roles() -> None:
    """This function will make the groups that stand for roles, and let admins manage users and memberships."""
    groups = {name: Group.objects.get_or_create(name=name)[0] for name in GROUPS}
    manage = Permission.objects.filter(
        Q(content_type__app_label="auth", content_type__model="user")
        | Q(content_type__app_label="review", content_type__model="membership")
    )
    groups["admin"].permissions.add(*manage)


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role:
    """The highest role of the user; superusers are admins. Asked of the database once per request."""
    if not isinstance(user, User) or not user.is_active:
        return Role.NONE
    cached: Role | None = getattr(user, "_handrail_role", None)
    if cached is None:
        names = user.groups.values_list("name", flat=True)
        cached = max((GROUPS.get(name, Role.NONE) for name in names), default=Role.NONE)
        cached = Role.ADMIN if user.is_superuser else cached
        user._handrail_role = cached  # type: ignore[attr-defined]  # noqa: SLF001
    return cached


def cases_of(user: User) -> QuerySet[Case]:
    """The cases that the user may see; every query of the portal starts here, so tenants never meet."""
    role = role_of(user)
    if role < Role.AGENT:
        return Case.objects.none()
    visible = Q(pk__in=[])
    for membership in user.memberships.all():
        part = Q(tenant=membership.tenant)
        if membership.queues and role < Role.LEAD:
            part &= Q(queue__in=membership.queues)
        visible |= part
    return Case.objects.filter(visible)


def role_in_templates(request: HttpRequest) -> dict[str, Any]:
    """Template context: which role the reader has."""
    role = role_of(request.user) if hasattr(request, "user") else Role.NONE
    return {"role": role.name.lower(), "is_lead": role >= Role.LEAD, "is_admin": role >= Role.ADMIN}
