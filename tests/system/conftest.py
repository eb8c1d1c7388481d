"""The whole system on real Apache Kafka, PostgreSQL and Redis, started once for all journeys."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stack.programs import FAKE_HELPDESK, PROGRAMS
from infra.stack.stack import Stack
from tests.system.system import System

GIVEN = ("HANDRAIL_KAFKA_BOOTSTRAP", "HANDRAIL_DATABASE_URL", "HANDRAIL_REDIS_URL", "HANDRAIL_TENANTS_FILE")


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """All servers and all processes, in a folder of their own."""
    home = tmp_path_factory.mktemp("system")
    # As root, PostgreSQL runs as nobody and has to reach its folder.
    for folder in (home, *home.parents):
        if folder.is_relative_to(Path(os.environ.get("TMPDIR", "/tmp"))) and folder.owner() == Path.home().owner():
            folder.chmod(folder.stat().st_mode | 0o011)
    environ = {name: value for name, value in os.environ.items() if name not in GIVEN}
    quick = {
        "HANDRAIL_HOME": str(home),
        "HANDRAIL_DELIVERY_LEASE_SECONDS": "5",
        "HANDRAIL_DELIVERY_TIMEOUT_SECONDS": "3",
    }
    stack = Stack(home, programs=(*PROGRAMS, FAKE_HELPDESK), environ=environ | quick, report=print)
    stack.up(attached=True)
    try:
        system = System(stack)
        yield system
        system.close()
    finally:
        stack.down()
