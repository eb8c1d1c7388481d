"""Chooses the TCP ports on 127.0.0.1 that the stack listens on."""

import contextlib
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _reserve(port: int, claims: contextlib.ExitStack) -> bool:
    """Claims a port against other stacks that are starting at this moment, until `claims` closes."""
    path = Path(tempfile.gettempdir()) / f"handrail-port-{port}.lock"
    try:
        claim = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError:
        return False
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(claim)
        return False
    claims.callback(os.close, claim)
    # Removed while still locked; whoever opened it meanwhile holds a file without a name, and goes without the port.
    claims.callback(path.unlink, missing_ok=True)
    return os.fstat(claim).st_nlink > 0


@contextlib.contextmanager
def chosen(preferred: Mapping[str, int], remembered: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yields a free port for each name: the remembered one, else the preferred one, else any.

    While the context is open no other stack on this machine is given the same ports, so servers that take seconds
    to start do not lose theirs.
    """
    with contextlib.ExitStack() as claims:
        ports: dict[str, int] = {}
        for name, favourite in preferred.items():
            wanted = [remembered.get(name, favourite), favourite]
            port = next((p for p in wanted if p not in ports.values() and is_free(p) and _reserve(p, claims)), None)
            while port is None:
                candidate = _any_free()
                if candidate not in ports.values() and _reserve(candidate, claims):
                    port = candidate
            ports[name] = port
        yield ports
