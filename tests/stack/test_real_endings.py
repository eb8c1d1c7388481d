"""Nothing is left running, however the stack ends."""

import os
import signal
from pathlib import Path

import pytest

from tests.stack.real_stack import SERVERS, assert_gone, family, in_foreground, stack_of

pytestmark = pytest.mark.real


def test_a_killed_parent_leaves_no_process(tmp_path: Path) -> None:
    with in_foreground(tmp_path) as (process, _):
        children = family(process.pid)[1:]
        assert len(children) > len(SERVERS)

        process.kill()

        assert_gone(children)


def test_a_killed_process_manager_leaves_no_process(tmp_path: Path) -> None:
    with in_foreground(tmp_path) as (process, stack):
        children = family(process.pid)[1:]

        os.kill(stack._supervisor.pid(), signal.SIGKILL)
        process.wait(timeout=60)
        said = process.stdout.read() if process.stdout else ""

        assert process.returncode == 1
        assert "The process manager ended by itself" in said
        assert "Traceback" not in said
        assert_gone(children)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_foreground_stack_ends_cleanly_when_told(tmp_path: Path, number: signal.Signals) -> None:
    with in_foreground(tmp_path, HANDRAIL_BROKER="standin") as (process, _):
        children = family(process.pid)[1:]

        process.send_signal(number)
        process.wait(timeout=60)
        said = process.stdout.read() if process.stdout else ""

        assert process.returncode == 0
        assert said.splitlines()[-1] == "Stopped."
        assert_gone(children)


def test_a_killed_process_manager_of_a_detached_stack_leaves_no_process(tmp_path: Path) -> None:
    stack = stack_of(tmp_path)
    stack.up()
    try:
        manager = stack._supervisor.pid()
        children = family(manager)[1:]

        os.kill(manager, signal.SIGKILL)

        assert_gone(children)
        # The dead one's socket and files are no obstacle to the next start.
        stack.up(attached=True)
        assert stack.status().healthy
    finally:
        stack.down()
