"""What can be told of a stack and of each of its processes."""

import contextlib
from dataclasses import asdict, dataclass

import psutil


@dataclass(frozen=True)
class ProcessStatus:
    """One server or program: `state` is supervisord's word, or "GIVEN" for a server given by URL."""

    name: str
    kind: str
    title: str
    state: str
    healthy: bool
    pid: int
    url: str
    memory_mb: float
    uptime_seconds: float


@dataclass(frozen=True)
class StackStatus:
    """`running` means the process manager answers; `healthy` that every process does."""

    running: bool
    healthy: bool
    broker: str
    notice: str
    home: str
    processes: tuple[ProcessStatus, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


def memory_bytes(pid: int) -> int:
    """Memory of a process and its children; shared pages are split among those that share them (PSS)."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error, OSError):
                total += getattr(member.memory_full_info(), "pss", 0) or member.memory_info().rss
    return total
