"""The stack on real servers: what is started, kept, restarted and ended."""

import asyncio
import contextlib
import json
import signal
import socket
import stat
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.stack import leftovers, servers
from infra.stack.broker import choose_broker
from infra.stack.home import Home
from infra.stack.problems import StackProblem
from infra.stack.programs import Preparation, Program, module
from infra.stack.servers import PREFERRED_PORTS
from infra.stack.stack import Stack
from infra.stack.supervise import REPOSITORY
from tests.stack.real_stack import CLI, SERVERS, environ, eventually, family, stack_of

pytestmark = pytest.mark.real
TOY = Program("toy", module("tests.stack.toy"), port=18399)


@pytest.fixture(scope="module")
def steps() -> list[str]:
    return []


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> Iterator[Stack]:
    """A stack with one toy program, started while all the usual ports are taken."""
    holders = []
    for port in (*PREFERRED_PORTS.values(), TOY.port):
        holder = socket.socket()
        with contextlib.suppress(OSError):  # Taken by somebody else is as good.
            holder.bind(("127.0.0.1", port or 0))
            holder.listen()
        holders.append(holder)
    preparations = [
        Preparation("first", "postgres", lambda variables: steps.append(variables["HANDRAIL_DATABASE_URL"])),
        Preparation("second", "postgres", ("json.tool", "--help")),
        Preparation("third", "postgres", lambda variables: steps.append("third")),
    ]
    home = tmp_path_factory.mktemp("home")
    stack = Stack(home, programs=[TOY], preparations=preparations, environ=environ())
    stack.up(attached=True)
    yield stack
    stack.down()
    for holder in holders:
        holder.close()


def test_the_stack_starts_on_other_ports_when_the_usual_are_taken(running: Stack) -> None:
    found = running.status()

    assert found.running
    assert found.healthy
    assert [process.name for process in found.processes] == [*SERVERS, "toy"]
    used = {int(url.partition("://")[2].rpartition(":")[2].partition("/")[0] or 0) for url in running.urls.values()}
    assert not used & {*PREFERRED_PORTS.values(), TOY.port}


def test_preparations_run_in_order_once_their_server_is_ready(running: Stack, steps: list[str]) -> None:
    assert steps == [running.environment()["HANDRAIL_DATABASE_URL"], "third"]


def test_the_database_has_its_extensions_and_an_owner_who_is_no_superuser(running: Stack) -> None:
    with psycopg.connect(running.environment()["HANDRAIL_DATABASE_URL"]) as connection:
        extensions = {row[0] for row in connection.execute("SELECT extname FROM pg_extension")}
        superuser = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()

    assert {"vector", "pg_trgm", "unaccent"} <= extensions
    assert superuser == (False,)


def test_programs_get_all_they_need_to_find_the_servers(running: Stack) -> None:
    variables = psutil.Process(running.pids()["toy"]).environ()

    assert variables["HANDRAIL_KAFKA_IDEMPOTENCE"] == "true"
    assert running.urls["toy"].endswith(variables["HANDRAIL_HTTP_PORT"])
    for name, value in running.environment().items():
        assert variables[name] == value


def test_passwords_are_in_files_for_their_owner_alone_and_not_in_the_status(running: Stack) -> None:
    secrets = running.home.secrets()
    told = json.dumps(running.status().as_dict())

    assert not [name for name, value in secrets.items() if value in told]
    for path in (running.home.secrets_file, running.home.record_file, running.home.run / "redis.conf"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    arguments = " ".join(" ".join(psutil.Process(pid).cmdline()) for pid in running.pids().values())
    assert not [name for name, value in secrets.items() if value in arguments]


def test_a_second_start_is_refused_and_harms_nothing(running: Stack) -> None:
    before = running.pids()

    with pytest.raises(StackProblem, match="is running already"):
        Stack(running.home.path, programs=[TOY], environ=environ()).up()

    assert running.pids() == before


@pytest.mark.parametrize("name", ["toy", "redis", "postgres", "kafka"])
def test_a_process_that_crashes_is_started_again(running: Stack, name: str) -> None:
    before = running.pids()[name]

    running.kill(name, signal.SIGKILL)

    assert eventually(lambda: running.pids().get(name, before) != before)
    assert eventually(lambda: running.status().healthy)


def test_a_stopped_process_stays_down_until_it_is_started(running: Stack) -> None:
    running.stop("toy")
    assert "toy" not in running.pids()
    assert not running.status().healthy

    running.start("toy")
    assert running.status().healthy


async def test_a_server_can_be_restarted_from_inside_an_event_loop(running: Stack) -> None:
    running.restart("kafka")

    assert "kafka" in running.pids()


def test_an_unknown_name_is_refused(running: Stack) -> None:
    with pytest.raises(StackProblem, match="There is no 'postgress' in the running stack"):
        running.start("postgress")


def test_status_and_doctor_answer_in_one_json_object(running: Stack) -> None:
    for command in ("status", "doctor"):
        run = subprocess.run(
            [*CLI, command, "--json"],
            cwd=REPOSITORY,
            env=environ(HANDRAIL_HOME=str(running.home.path)),
            capture_output=True,
            text=True,
            check=True,
        )
        answer = json.loads(run.stdout.splitlines()[-1])
        assert answer.get("healthy", answer.get("ok")) is True


async def _write_to_kafka(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all") as producer:
        await producer.send_and_wait("kept", b"a ticket")


async def _read_from_kafka(bootstrap: str) -> object:
    async with AIOKafkaConsumer("kept", bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        message = await asyncio.wait_for(consumer.getone(), timeout=30)
        return message.value


def test_data_and_ports_are_kept_over_a_restart_and_down_leaves_nothing(tmp_path: Path) -> None:
    stack = stack_of(tmp_path)
    stack.up(attached=True)
    first = stack.environment()
    asyncio.run(_write_to_kafka(first["HANDRAIL_KAFKA_BOOTSTRAP"]))
    with psycopg.connect(first["HANDRAIL_DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept (words text)")
        connection.execute("INSERT INTO kept VALUES ('a ticket')")
    redis.Redis.from_url(first["HANDRAIL_REDIS_URL"]).set("kept", "a ticket")
    processes = [process for pid in {*stack.pids().values(), stack._supervisor.pid()} for process in family(pid)]

    assert stack.down()
    assert [process for process in processes if process.is_running()] == []
    assert leftovers.leftovers(tmp_path) == []
    assert not stack.down()

    stack.up(attached=True)
    try:
        second = stack.environment()
        assert second == first
        assert asyncio.run(_read_from_kafka(second["HANDRAIL_KAFKA_BOOTSTRAP"])) == b"a ticket"
        with psycopg.connect(second["HANDRAIL_DATABASE_URL"]) as connection:
            assert connection.execute("SELECT words FROM kept").fetchall() == [("a ticket",)]
        assert redis.Redis.from_url(second["HANDRAIL_REDIS_URL"]).get("kept") == b"a ticket"
    finally:
        stack.down()


def test_kafka_takes_an_id_that_begins_with_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One id in sixty-four does."""
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xf8" * 16))
    home = Home(tmp_path)
    home.prepare()
    broker = choose_broker(environ(), home.log("maven"), lambda sentence: None)
    server = servers.kafka(broker, home, {"kafka": 1, "kafka-controller": 2})
    assert server.prepare is not None

    server.prepare(environ())

    assert "cluster.id=-" in (home.data / "kafka" / "meta.properties").read_text()
