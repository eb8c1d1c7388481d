"""The processes of one contender: started together, timed together, ended together."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from infra.bench.problems import BenchFailed
from infra.stack.supervise import REPOSITORY, last_line, leashed

STOP_SECONDS_MAX = 15.0


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time that these processes and their children have taken so far, in seconds."""
    total = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            times = member.cpu_times()
            total += times.user + times.system
    return total


class Workers:
    """Child processes that end when we do, each with its log in `folder`."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = dict(environ)
        self._processes: dict[Path, subprocess.Popen[bytes]] = {}

    def start(self, commands: Sequence[Sequence[str]]) -> None:
        """Starts one process for each command line."""
        for number, command in enumerate(commands):
            log = self._folder / f"worker-{number}.log"
            with log.open("ab") as output:
                self._processes[log] = subprocess.Popen(
                    leashed(command, "SIGKILL"),
                    cwd=REPOSITORY,
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )

    @property
    def pids(self) -> list[int]:
        """Their process ids, in the order of the commands."""
        return [process.pid for process in self._processes.values()]

    def check(self) -> None:
        """Raises BenchFailed where one has ended by itself."""
        for log, process in self._processes.items():
            if process.poll() is not None:
                raise BenchFailed(f"a worker ended with code {process.returncode}: {last_line(log)}")

    def stop(self) -> None:
        """Asks them to end, and kills those that do not in time."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
