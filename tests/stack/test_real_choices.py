"""What is started depends on what the operator gives, and what fails is named in one sentence."""

import asyncio
import subprocess
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from infra.stack import leftovers
from infra.stack.problems import StackProblem
from infra.stack.programs import Preparation, Program, module
from infra.stack.stack import Stack
from infra.stack.supervise import REPOSITORY
from tests.stack.real_stack import CLI, SERVERS, environ, stack_of

pytestmark = pytest.mark.real


def test_a_server_given_by_url_is_not_started(tmp_path: Path) -> None:
    first = stack_of(tmp_path / "first", HANDRAIL_BROKER="standin")
    first.up(attached=True)
    try:
        urls = {name: value for name, value in first.environment().items() if name.endswith(("_URL", "_BOOTSTRAP"))}
        second = stack_of(tmp_path / "second", **urls)
        second.up(attached=True)
        try:
            found = second.status()
            assert found.healthy
            assert {process.name: process.state for process in found.processes} == dict.fromkeys(SERVERS, "GIVEN")
            assert {name: second.environment()[name] for name in urls} == urls
        finally:
            second.down()
        assert first.status().healthy
    finally:
        first.down()


def test_a_given_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, HANDRAIL_REDIS_URL="redis://127.0.0.1:1/0", HANDRAIL_BROKER="standin")

    with pytest.raises(StackProblem, match="HANDRAIL_REDIS_URL does not answer"):
        stack.up(attached=True)

    assert leftovers.leftovers(tmp_path) == []


def test_without_java_the_standin_runs_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    hidden = environ(PATH=str(tmp_path))
    hidden.pop("JAVA_HOME", None)
    stack = Stack(tmp_path / "var", servers_only=True, environ=hidden, report=said.append)

    stack.up(attached=True)
    try:
        found = stack.status()
        assert found.healthy
        assert found.broker == "standin"
        assert "Java 17 or later is not installed" in found.notice
        assert found.notice in said
        assert stack.environment()["HANDRAIL_KAFKA_IDEMPOTENCE"] == "false"
        asyncio.run(_write_to_standin(stack.environment()["HANDRAIL_KAFKA_BOOTSTRAP"]))
    finally:
        stack.down()


async def _write_to_standin(bootstrap: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=False, acks="all") as producer:
        await producer.send_and_wait("made-by-chance", b"a ticket")


def test_a_program_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    broken = Program("toy", module("tests.stack.toy", "--broken"), port=18399)
    variables = environ(HANDRAIL_BROKER="standin")
    stack = Stack(tmp_path, programs=[broken], preparations=[], environ=variables)

    with pytest.raises(StackProblem, match=r"toy stopped while starting: the toy is broken .*toy\.log"):
        stack.up(attached=True)

    assert leftovers.leftovers(tmp_path) == []


def test_a_preparation_that_fails_is_named_with_its_log(tmp_path: Path) -> None:
    failing = Preparation("topics", "kafka", ("tests.stack.toy", "--broken"))
    variables = environ(HANDRAIL_BROKER="standin")
    stack = Stack(tmp_path, programs=[], preparations=[failing], environ=variables)

    with pytest.raises(StackProblem, match=r"'topics' failed: the toy is broken .*prepare-topics\.log"):
        stack.up(attached=True)

    assert leftovers.leftovers(tmp_path) == []


def test_data_of_another_password_is_refused_in_one_sentence(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, HANDRAIL_BROKER="standin")
    stack.up(attached=True)
    stack.down()
    stack.home.secrets_file.unlink()

    run = subprocess.run(
        [*CLI, "up", "--servers-only"],
        cwd=REPOSITORY,
        env=environ(HANDRAIL_HOME=str(tmp_path), HANDRAIL_BROKER="standin"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == 1
    assert run.stderr.startswith("PostgreSQL refuses the password")
    assert len(run.stderr.splitlines()) == 1
