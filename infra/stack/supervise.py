"""Keeps the stack's processes running, with supervisord as the process manager."""

import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from infra.stack.home import Home
from infra.stack.problems import StackProblem

LEASH = Path(__file__).with_name("leash.py")
REPOSITORY = Path(__file__).parents[2]
SOCKET_PATH_LENGTH_MAX = 100
"""Unix socket paths may have 107 bytes."""
RPC_SECONDS_MAX = 10.0
STARTUP_SECONDS_MAX = 20.0


def leashed(command: Sequence[str], death_signal: str, uid: int | None = None, keep_reach: bool = False) -> list[str]:
    """The command line that runs `command` and ends it by `death_signal` when its parent dies (see leash.py)."""
    identity = [] if uid is None else ["--uid", str(uid), *(["--keep-reach"] if keep_reach else [])]
    return [sys.executable, "-I", "-S", str(LEASH), death_signal, *identity, "--", *command]


@dataclass(frozen=True)
class Child:
    """One process that supervisord runs.

    `death_signal` is what it gets when supervisord itself is killed; `stop_signal` when it is told to stop, and
    SIGKILL after `stop_seconds`.
    """

    name: str
    group: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "SIGTERM"
    death_signal: str = "SIGKILL"
    stop_seconds: int = 15
    uid: int | None = None
    keep_reach: bool = False


@dataclass(frozen=True)
class ChildState:
    """What supervisord says of a child: its state's name (RUNNING, BACKOFF…), pid (0 if none) and start time."""

    state: str
    pid: int
    started_at: float


def _escaped(value: str) -> str:
    return value.replace("%", "%%")


def _child_section(child: Child, home: Home) -> str:
    command = shlex.join(leashed(child.command, child.death_signal, child.uid, child.keep_reach))
    environment = ",".join(f"{name}={shlex.quote(value)}" for name, value in child.environment.items())
    # The start is judged by our health checks; retries only matter for a crash later on.
    return f"""
[program:{child.name}]
command={_escaped(command)}
directory={_escaped(str(REPOSITORY))}
environment={_escaped(environment)}
autostart=false
autorestart=true
startsecs=1
startretries=20
stopsignal={child.stop_signal}
stopwaitsecs={child.stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile={_escaped(str(home.log(child.name)))}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""


def configuration(children: Sequence[Child], home: Home, socket_path: Path) -> str:
    """The text of supervisord.conf. Groups stop in the reverse order of their first child's place in `children`."""
    groups = list(dict.fromkeys(child.group for child in children))
    header = f"""[supervisord]
nodaemon=true
silent=true
logfile={_escaped(str(home.log("supervisord")))}
logfile_maxbytes=10MB
logfile_backups=1
pidfile={_escaped(str(home.run / "supervisord.pid"))}
{"user=root" if os.geteuid() == 0 else ""}

[unix_http_server]
file={_escaped(str(socket_path))}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
    programs = "".join(_child_section(child, home) for child in children)
    members = {group: [child.name for child in children if child.group == group] for group in groups}
    tail = "".join(
        f"\n[group:{group}]\nprograms={','.join(members[group])}\npriority={place}\n"
        for place, group in enumerate(groups, start=1)
    )
    return header + programs + tail


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=RPC_SECONDS_MAX)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(RPC_SECONDS_MAX)
        self.sock.connect(str(self._path))


class _UnixTransport(xmlrpc.client.Transport):
    """supervisor's own transport has no timeout, so a stopped supervisord would hang us."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return _UnixConnection(self._path)


class Supervisor:
    """supervisord of one home: started, asked and ended from here. Safe to use from several threads."""

    def __init__(self, home: Home) -> None:
        self._home = home

    @property
    def socket_path(self) -> Path:
        """The socket in the run folder, or a short path for it where that one is too long for the kernel."""
        path = self._home.run / "supervisor.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LENGTH_MAX:
            return path
        mark = sha256(os.fsencode(path)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"handrail-{os.getuid()}-{mark}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise StackProblem(f"{folder} belongs to somebody else: remove it, or choose a shorter HANDRAIL_HOME.")
        return folder / "supervisor.sock"

    def _call(self, method: str, *args: object) -> Any:
        with xmlrpc.client.ServerProxy("http://localhost", transport=_UnixTransport(self.socket_path)) as proxy:
            return getattr(proxy.supervisor, method)(*args)

    def is_up(self) -> bool:
        """Whether supervisord answers."""
        try:
            self._call("getState")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def pid(self) -> int:
        """The process id of supervisord."""
        return int(self._call("getPID"))

    def launch(
        self, children: Sequence[Child], environ: Mapping[str, str], *, attached: bool
    ) -> subprocess.Popen[bytes]:
        """Starts supervisord with every child stopped, and waits until it answers.

        Args:
            children: what it will run.
            environ: environment variables that all children get.
            attached: end it when the thread that calls this ends; otherwise it outlives us.

        Raises:
            StackProblem: it ended or did not answer in time.
        """
        conf = self._home.run / "supervisord.conf"
        conf.write_text(configuration(children, self._home, self.socket_path))
        conf.chmod(0o600)
        self.socket_path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(conf)]
        errors = self._home.log("supervisord-errors")
        with errors.open("w") as output:
            process = subprocess.Popen(
                leashed(command, "SIGTERM") if attached else command,
                env=dict(environ),
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + STARTUP_SECONDS_MAX
        while not self.is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise StackProblem(f"The process manager did not start: {last_line(errors)} (whole log: {errors}).")
            time.sleep(0.05)
        return process

    def states(self) -> dict[str, ChildState]:
        """The state of every child by name; empty when supervisord does not answer."""
        try:
            infos = cast("Iterable[dict[str, Any]]", self._call("getAllProcessInfo"))
        except (OSError, http.client.HTTPException):
            return {}
        return {info["name"]: ChildState(info["statename"], info["pid"], info["start"]) for info in infos}

    def start(self, child: str) -> None:
        """Starts a child; one that runs already is left alone."""
        self._tolerating("ALREADY_STARTED", "startProcess", f"{self._group_of(child)}:{child}", False)

    def stop(self, child: str) -> None:
        """Asks a child to stop; `states` tells when it has."""
        self._tolerating("NOT_RUNNING", "stopProcess", f"{self._group_of(child)}:{child}", False)

    def signal(self, child: str, number: signal.Signals) -> None:
        """Sends a signal to a child's first process.

        Raises:
            StackProblem: the child does not run.
        """
        try:
            self._call("signalProcess", f"{self._group_of(child)}:{child}", number.name)
        except xmlrpc.client.Fault as fault:
            raise StackProblem(f"{child} does not run, so it cannot be sent {number.name}.") from fault

    def shut_down(self) -> None:
        """Asks supervisord to stop the groups one after another, last first, and then itself."""
        self._call("shutdown")

    def _tolerating(self, harmless: str, method: str, *args: object) -> None:
        try:
            self._call(method, *args)
        except xmlrpc.client.Fault as fault:
            if not fault.faultString.startswith(harmless):
                raise StackProblem(f"The process manager refuses: {fault.faultString}.") from fault

    def _group_of(self, child: str) -> str:
        for info in cast("Iterable[dict[str, str]]", self._call("getAllProcessInfo")):
            if info["name"] == child:
                return info["group"]
        raise StackProblem(f"There is no '{child}' in the running stack; see 'handrail status'.")


def last_line(log: Path) -> str:
    """The last line of a log that says something, shortened."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return "nothing was logged"
    return next((line[:200] for line in reversed(lines) if line), "nothing was logged")
