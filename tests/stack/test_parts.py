"""The parts of the stack that can be looked at without starting a server."""

import configparser
import contextlib
import os
import shlex
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infra.stack import ports
from infra.stack.home import Home
from infra.stack.launch import without_credentials
from infra.stack.problems import StackProblem
from infra.stack.record import Record
from infra.stack.servers import closed_to_others
from infra.stack.supervise import LEASH, SOCKET_PATH_LENGTH_MAX, Child, Supervisor, configuration, last_line


def test_the_preferred_port_is_chosen_when_it_is_free() -> None:
    free = ports._any_free()

    with ports.chosen({"kafka": free}, {}) as found:
        assert found == {"kafka": free}


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    with socket.socket() as holder:
        holder.bind((ports.HOST, 0))
        holder.listen()
        taken = holder.getsockname()[1]

        with ports.chosen({"kafka": taken}, {}) as found:
            assert found["kafka"] != taken
            assert ports.is_free(found["kafka"])


def test_the_port_of_the_last_start_comes_before_the_preferred_one() -> None:
    preferred, remembered = ports._any_free(), ports._any_free()

    with ports.chosen({"kafka": preferred}, {"kafka": remembered}) as found:
        assert found == {"kafka": remembered}


def test_two_stacks_that_start_at_once_get_different_ports() -> None:
    free = ports._any_free()

    with ports.chosen({"kafka": free}, {}) as first, ports.chosen({"kafka": free}, {}) as second:
        assert first["kafka"] != second["kafka"]


def test_no_port_is_given_twice() -> None:
    free = ports._any_free()

    with ports.chosen({"kafka": free, "redis": free}, {}) as found:
        assert found["kafka"] != found["redis"]


def test_the_configuration_names_each_child_with_its_command_and_group(tmp_path: Path) -> None:
    children = [
        Child("redis", "servers", ["redis-server", "a file.conf"], stop_signal="SIGINT", death_signal="SIGTERM"),
        Child("intake", "programs", ["python", "-c", "print('100%')"], {"HANDRAIL_HTTP_PORT": "8301"}),
    ]
    parser = configparser.RawConfigParser()
    parser.read_string(configuration(children, Home(tmp_path), tmp_path / "socket"))

    redis = parser["program:redis"]
    leash, command = shlex.split(redis["command"])[:5], shlex.split(redis["command"])[5:]
    assert leash == [sys.executable, "-I", "-S", str(LEASH), "SIGTERM"]
    assert command == ["--", "redis-server", "a file.conf"]
    assert redis["stopsignal"] == "SIGINT"
    assert parser["program:intake"]["environment"] == "HANDRAIL_HTTP_PORT=8301"
    assert "100%%" in parser["program:intake"]["command"]
    assert parser["group:programs"]["programs"] == "intake"
    # The higher priority stops first: programs before the servers they use.
    assert int(parser["group:programs"]["priority"]) > int(parser["group:servers"]["priority"])


def test_every_log_is_bounded(tmp_path: Path) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(configuration([Child("redis", "servers", ["redis"])], Home(tmp_path), tmp_path / "socket"))

    assert parser["program:redis"]["stdout_logfile_maxbytes"] == "10MB"
    assert parser["program:redis"]["stdout_logfile_backups"] == "2"
    assert parser["supervisord"]["logfile_maxbytes"] == "10MB"


def test_the_socket_of_a_deep_folder_is_short_enough_for_the_kernel(tmp_path: Path) -> None:
    deep = Home(tmp_path / ("deep" * 30))

    path = Supervisor(deep).socket_path

    assert len(os.fsencode(path)) <= SOCKET_PATH_LENGTH_MAX
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.rmdir()


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)

    first = home.secrets()

    assert home.secrets() == first
    assert stat.S_IMODE(home.secrets_file.stat().st_mode) == 0o600
    assert len(set(first.values())) == len(first)


def test_a_secret_that_is_missing_is_added_and_the_others_stay(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.secrets_file.write_text("# kept by hand\nHANDRAIL_SECRET_KEY=chosen=here\n")

    assert home.secrets()["HANDRAIL_SECRET_KEY"] == "chosen=here"
    assert home.secrets()["HANDRAIL_VAULT_KEY"] == home.secrets()["HANDRAIL_VAULT_KEY"] != ""


def test_a_full_disk_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.stack.home.FREE_BYTES_MIN", 2**62)

    with pytest.raises(StackProblem, match="make room, or set HANDRAIL_HOME to another disk"):
        Home(tmp_path / "var").prepare()


def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StackProblem, match="set HANDRAIL_HOME to a folder of yours"):
        Home(tmp_path / "file" / "var").prepare()


@pytest.mark.parametrize("name", ["100%", "a;b", "a:b", "it's", "a#b"])
def test_a_path_that_the_configuration_files_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackProblem, match="set HANDRAIL_HOME to another folder"):
        Home(tmp_path / name).prepare()


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    path.write_text('{"ports": {"kafka"')

    assert Record.read(path) == Record()


def test_a_record_is_read_as_it_was_written_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    record = Record(broker="apache", ports={"kafka": 1}, environment={"HANDRAIL_REDIS_URL": "redis://:secret@x"})

    record.write(path)

    assert Record.read(path) == record
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://handrail:secret@127.0.0.1:5432/handrail", "postgresql://127.0.0.1:5432/handrail"),
        ("redis://:secret@127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("127.0.0.1:9092,127.0.0.1:9093", "127.0.0.1:9092,127.0.0.1:9093"),
    ],
)
def test_a_url_is_shown_without_its_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_the_last_line_of_a_log_is_the_last_that_says_something(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text("starting\nout of cheese\n\n  \n")

    assert last_line(log) == "out of cheese"
    assert last_line(tmp_path / "none.log") == "nothing was logged"


def test_a_leashed_command_gets_its_arguments_and_its_signal(tmp_path: Path) -> None:
    told = "import ctypes, sys; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n), 0, 0, 0)"
    command = [sys.executable, "-c", f"{told}; print(n.value, sys.argv[1:])", "--flag", "a b"]

    run = subprocess.run(
        [sys.executable, "-I", "-S", str(LEASH), "SIGINT", "--", *command], capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "2 ['--flag', 'a b']"


def test_a_leashed_command_that_is_not_there_is_named() -> None:
    run = subprocess.run(
        [sys.executable, "-I", "-S", str(LEASH), "SIGKILL", "--", "/no/such/program"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert run.stderr.strip() == "/no/such/program was not found"


def test_a_folder_that_only_its_owner_can_pass_is_noticed(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o700)

    assert closed_to_others(inner / "data")


def test_every_port_has_one_owner() -> None:
    from infra.stack.programs import FAKE_HELPDESK, PROGRAMS
    from infra.stack.servers import PREFERRED_PORTS

    numbers = [program.port for program in (*PROGRAMS, FAKE_HELPDESK) if program.port]
    numbers += PREFERRED_PORTS.values()

    assert len(numbers) == len(set(numbers))


def test_no_claim_on_a_port_outlives_the_start() -> None:
    free = ports._any_free()

    for _ in range(2):
        with contextlib.suppress(RuntimeError), ports.chosen({"kafka": free}, {}) as found:
            assert found == {"kafka": free}
            raise RuntimeError("the start failed")
