"""What all tests share: the servers that real tests run on, fresh databases, and the spans that were made."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from psycopg import sql


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of running servers, which this process gets too.

    They are those of the stack in `HANDRAIL_TEST_HOME`, where that is set; else Kafka, PostgreSQL and Redis are
    started once for the session, in a folder of their own, and end with it.
    """
    from infra.stack.stack import Stack

    home = os.environ.get("HANDRAIL_TEST_HOME")
    stack = Stack(Path(home) if home else tmp_path_factory.mktemp("servers"), servers_only=True)
    if not home:
        stack.up(attached=True)
    try:
        environment = stack.environment()
        _let_make_databases(environment)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            yield environment
    finally:
        if not home:
            stack.down()


def _admin_url(environment: dict[str, str]) -> str:
    """Who may make extensions: the superuser of the stack's own server, or whom a given server's URL names."""
    from infra.stack.home import Home

    url = urlsplit(environment["HANDRAIL_DATABASE_URL"])
    secrets = Home(Path(environment["HANDRAIL_HOME"])).secrets()
    if url.password != secrets["HANDRAIL_DATABASE_PASSWORD"]:
        return url.geturl()
    address = f"postgres:{secrets['HANDRAIL_POSTGRES_PASSWORD']}@{url.hostname}:{url.port}"
    return url._replace(netloc=address, path="/postgres").geturl()


def _let_make_databases(environment: dict[str, str]) -> None:
    """On the stack's own server its role gets the right to; on a given one that is the giver's to grant."""
    url = environment["HANDRAIL_DATABASE_URL"]
    if (admin_url := _admin_url(environment)) != url:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            role = sql.Identifier(urlsplit(url).username or "")
            connection.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(role))


@pytest.fixture(scope="session")
def migrated_database(servers: dict[str, str]) -> Iterator[str]:
    """The URL of a new database that has all tables of the services and no rows; it is gone after the session."""
    from infra.postgres.migrate import migrate
    from infra.stack.database import create_extensions

    url, admin_url = urlsplit(servers["HANDRAIL_DATABASE_URL"]), _admin_url(servers)
    name = f"test_{uuid4().hex[:12]}"
    create = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(url.username or ""))
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(create)
    create_extensions(urlsplit(admin_url)._replace(path=f"/{name}").geturl())
    fresh = url._replace(path=f"/{name}").geturl()
    migrate(fresh)
    yield fresh
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def _all_spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(_all_spans: InMemorySpanExporter) -> InMemorySpanExporter:
    """The spans that end during the test."""
    _all_spans.clear()
    return _all_spans
