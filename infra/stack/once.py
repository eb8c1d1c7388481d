"""Runs a command to its end, as the preparation steps of the stack need."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.stack.problems import StackProblem
from infra.stack.supervise import REPOSITORY, last_line, leashed


def run_once(
    what: str,
    command: Sequence[str],
    environ: Mapping[str, str],
    log: Path,
    *,
    seconds_max: float = 180,
    uid: int | None = None,
    keep_reach: bool = False,
) -> None:
    """Runs a command, which also ends when we are killed, and keeps what it prints in `log`.

    Args:
        what: what it does, as the start of a sentence ("Creating the topics").
        command: program and arguments.
        environ: its environment variables.
        log: the file for its output.
        seconds_max: how long it may take.
        uid: the user to run it as, if not ours.
        keep_reach: see leash.py.

    Raises:
        StackProblem: it failed or took too long.
    """
    with log.open("w") as output:
        try:
            run = subprocess.run(
                leashed(command, "SIGKILL", uid, keep_reach),
                check=False,
                env=dict(environ),
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds_max,
            )
        except subprocess.TimeoutExpired as error:
            raise StackProblem(f"{what} took longer than {seconds_max:.0f} seconds; see {log}.") from error
    if run.returncode != 0:
        raise StackProblem(f"{what} failed: {last_line(log)} (whole log: {log}).")
