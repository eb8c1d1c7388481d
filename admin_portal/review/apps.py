"""Sets the app up: its schema before the tables, its roles after them."""

from typing import Any

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate


class ReviewConfig(AppConfig):
    """The review desk."""

    name = "admin_portal.review"
    label = "review"
    default = True

    def ready(self) -> None:
        """Connects what happens around `migrate` and at failed log-ins."""
        from admin_portal.review import attempts  # noqa: F401, PLC0415  its receiver counts failures

        pre_migrate.connect(_create_schema)
        post_migrate.connect(_create_roles, sender=self)


class PortalAdminConfig(admin_apps.AdminConfig):
    """Django's admin with the portal's own site."""

    default = False
    default_site = "admin_portal.review.sites.PortalAdminSite"


def _create_schema(*, using: str, **_: Any) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS portal")


def _create_roles(**_: Any) -> None:
    from admin_portal.review.access import create_roles  # noqa: PLC0415  models are not loaded earlier

    create_roles()
