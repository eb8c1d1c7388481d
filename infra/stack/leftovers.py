"""Finds and ends processes of a stack that outlived it."""

import os
from pathlib import Path

import psutil

MARK = "HANDRAIL_STACK"
"""Every process of a stack carries this environment variable, with the stack's home as its value."""
END_SECONDS_MAX = 8.0


def leftovers(home: Path) -> list[psutil.Process]:
    """The living processes of the stack of this home, without ourselves and those above us."""
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid not in ours and process.environ().get(MARK) == str(home):
                found.append(process)
        except (psutil.Error, OSError):
            # Gone meanwhile, or somebody else's.
            continue
    return found


def end(home: Path) -> int:
    """Ends what is left of a stack, first politely, then by SIGKILL; returns how many processes there were."""
    processes = leftovers(home)
    for process in processes:
        _send(process, kill=False)
    _, stubborn = psutil.wait_procs(processes, timeout=END_SECONDS_MAX)
    # Asked again, since a dying process may have left children of its own.
    for process in {*stubborn, *leftovers(home)}:
        _send(process, kill=True)
    psutil.wait_procs(leftovers(home), timeout=END_SECONDS_MAX)
    return len(processes)


def _send(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.Error:
        pass
