"""What the tests on real servers share."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from infra.stack.stack import Stack
from infra.stack.supervise import REPOSITORY

SERVERS = ("kafka", "postgres", "redis")
CLI = [sys.executable, "-m", "infra.cli.main"]


def environ(**changes: str) -> dict[str, str]:
    """This process's variables without any that name a server or a home."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")} | changes


def stack_of(home: Path, **changes: str) -> Stack:
    return Stack(home, servers_only=True, environ=environ(**changes))


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def eventually(holds: Callable[[], bool], seconds_max: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds_max
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert [(process.pid, process.name()) for process in alive] == []


@contextlib.contextmanager
def in_foreground(home: Path, **changes: str) -> Iterator[tuple[subprocess.Popen[str], Stack]]:
    """`handrail up` in the foreground, ready."""
    process = subprocess.Popen(
        [*CLI, "up", "--servers-only"],
        cwd=REPOSITORY,
        env=environ(HANDRAIL_HOME=str(home), **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    stack = stack_of(home)
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Ready"):
                break
        assert said[-1].startswith("Ready"), said
        yield process, stack
    finally:
        process.kill()
        process.communicate()
        stack.down()
