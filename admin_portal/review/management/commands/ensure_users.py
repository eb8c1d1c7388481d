"""Creates the first users of an installation on one machine."""

import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from admin_portal.review.access import GROUPS
from admin_portal.review.models import Membership
from shared.tenants import load_tenants


class Command(BaseCommand):
    """Makes one user for each role, named after it; does nothing where they exist."""

    help = (
        "Creates the users agent, lead and admin in the tenants of HANDRAIL_TENANTS_FILE. Their passwords are"
        " HANDRAIL_PORTAL_PASSWORD, or generated, and kept in HANDRAIL_HOME/portal-users.txt."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Names the tenants where there is no tenants file."""
        parser.add_argument("--tenant", action="append", help="Instead of the tenants file; may be repeated.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Raises TenantsInvalid where no tenant is named and the tenants file cannot be read."""
        tenants = options["tenant"] or list(load_tenants(settings.TENANTS_FILE))
        path = Path(settings.HANDRAIL_HOME) / "portal-users.txt"
        passwords = _read(path)
        for role in GROUPS:
            passwords.setdefault(role, os.environ.get("HANDRAIL_PORTAL_PASSWORD") or secrets.token_urlsafe(12))
            if _ensure(role, passwords[role], tenants):
                self.stdout.write(f"created user {role}")
        _write(path, passwords)
        self.stdout.write(f"passwords: {path}")


@transaction.atomic
def _ensure(role: str, password: str, tenants: list[str]) -> bool:
    user, created = User.objects.get_or_create(username=role, defaults={"is_staff": role == "admin"})
    if created:
        user.set_password(password)
        user.save()
        user.groups.add(Group.objects.get(name=role))
    for tenant in tenants:
        Membership.objects.get_or_create(user=user, tenant=tenant)
    return created


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = (line.split(maxsplit=1) for line in path.read_text().splitlines())
    return {line[0]: line[1] for line in lines if len(line) == 2}


def _write(path: Path, passwords: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name} {password}\n" for name, password in passwords.items())
    path.chmod(0o600)
