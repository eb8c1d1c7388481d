"""A database of its own for the portal's tests on the stack's PostgreSQL, and the people who work there."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "admin_portal.config.settings")

import django
from django.conf import settings

settings.SECRET_KEY = "used by the portal's tests alone"
settings.PASSWORD_HASHERS = ["tests.portal.conftest.QuickHasher"]
django.setup()

from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment, teardown_test_environment  # noqa: E402
from psycopg import sql  # noqa: E402
from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: E402

from admin_portal.config.settings import database_settings  # noqa: E402
from admin_portal.review.models import Membership  # noqa: E402

PASSWORD = "a long enough password"
CHANGED_BY_TESTS = (
    "review_case, review_conversation, review_loginfailure, inbox, outbox, auth_user, django_session, django_admin_log"
)


class QuickHasher(PBKDF2PasswordHasher):
    """The usual hash in one round, which a real portal can check."""

    iterations = 1


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    """A PostgreSQL to make databases on: the one that is given, else the stack's."""
    if "HANDRAIL_DATABASE_URL" not in os.environ:
        request.getfixturevalue("servers")
    return os.environ["HANDRAIL_DATABASE_URL"]


@pytest.fixture(scope="session")
def portal_database(server_url: str) -> Iterator[str]:
    """The URL of a new database with the portal's tables, which Django uses from here on."""
    name = f"portal_test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    known = {**conninfo_to_dict(server_url), "dbname": name}
    url = "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**{"password": "", **known})
    connections.settings["default"].update(database_settings(url))
    connections.close_all()
    setup_test_environment()
    call_command("migrate", verbosity=0)
    yield url
    teardown_test_environment()
    connections.close_all()
    with psycopg.connect(make_conninfo(server_url), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def portal(portal_database: str, tmp_path: Path) -> Iterator[str]:
    """An empty portal, emptied again after the test; its files go to the test's folder."""
    home, settings.HANDRAIL_HOME = settings.HANDRAIL_HOME, tmp_path
    yield portal_database
    settings.HANDRAIL_HOME = home
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {CHANGED_BY_TESTS} CASCADE")


@pytest.fixture
def person(portal: str) -> Callable[..., User]:
    """Makes people: `person("alice", "agent", "acme")`, with `queues` to keep an agent to some."""

    def make(name: str, role: str, *tenants: str, queues: tuple[str, ...] = ()) -> User:
        user = User.objects.create_user(name, password=PASSWORD)
        user.groups.add(Group.objects.get(name=role))
        for tenant in tenants:
            Membership.objects.create(user=user, tenant=tenant, queues=list(queues))
        return user

    return make


@pytest.fixture
def alice(person: Callable[..., User]) -> User:
    """An agent of acme."""
    return person("alice", "agent", "acme")


@pytest.fixture
def bob(person: Callable[..., User]) -> User:
    """Another agent of acme."""
    return person("bob", "agent", "acme")


@pytest.fixture
def lea(person: Callable[..., User]) -> User:
    """The lead of acme."""
    return person("lea", "lead", "acme")


@pytest.fixture
def charlie(person: Callable[..., User]) -> User:
    """An agent of another tenant."""
    return person("charlie", "agent", "globex")


@pytest.fixture
def browse() -> Callable[[User], Client]:
    """A client that is logged in as the user."""

    def log_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return log_in
