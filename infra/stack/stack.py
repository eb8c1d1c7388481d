"""The stack on one machine, as the command line, the demo, the tests and the benches use it."""

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from infra.stack import health, leftovers
from infra.stack.home import Home
from infra.stack.launch import Launch, prepare, program_answers, wait_until_ready
from infra.stack.problems import StackProblem
from infra.stack.programs import PREPARATIONS, PROGRAMS, Preparation, Program
from infra.stack.record import Record
from infra.stack.servers import GIVEN_BY
from infra.stack.status import ProcessStatus, StackStatus, memory_bytes
from infra.stack.supervise import Supervisor

STOP_SECONDS_MAX = 60.0
READY_SECONDS_MAX = 120.0


class Stack:
    """Servers and programs of one home (`HANDRAIL_HOME`), also when another process has started them."""

    def __init__(
        self,
        home: Path | None = None,
        *,
        programs: Sequence[Program] = PROGRAMS,
        preparations: Sequence[Preparation] = PREPARATIONS,
        servers_only: bool = False,
        servers: Sequence[str] = tuple(GIVEN_BY),
        environ: Mapping[str, str] | None = None,
        report: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """Describes a stack; nothing is started yet.

        Args:
            home: the folder of its data; by default `HANDRAIL_HOME`, else `./var`.
            programs: Handrail's own processes to run.
            preparations: steps between the servers and the programs.
            servers_only: leave out programs and preparations.
            servers: the servers that are wanted, all three by default.
            environ: the environment variables to go by, by default those of this process.
            report: gets one sentence for each step, from several threads.
        """
        self.environ = dict(os.environ if environ is None else environ)
        self.home = Home(home.resolve()) if home else Home.of(self.environ)
        self._programs = () if servers_only else programs
        self._preparations = () if servers_only else preparations
        self._servers = servers
        self._report = report
        self._supervisor = Supervisor(self.home)
        self._manager: subprocess.Popen[bytes] | None = None

    def up(self, *, attached: bool = False) -> None:
        """Starts the stack and returns when all of it is ready; on failure nothing is left running.

        Args:
            attached: end the stack when this process ends, even by SIGKILL; otherwise it runs until `down`.

        Raises:
            StackProblem: one sentence on what failed and what to do.
            RuntimeError: `attached` outside the main thread, whose end would end the stack.
        """
        if attached and threading.current_thread() is not threading.main_thread():
            raise RuntimeError("An attached stack lives as long as the thread that starts it: use the main thread.")
        self.home.prepare()
        with self._locked():
            if self.is_running():
                raise StackProblem(
                    f"The stack in {self.home.path} is running already: "
                    "look at it by 'handrail status', or end it by 'handrail down' first."
                )
            leftovers.end(self.home.path)
            try:
                launch = Launch(
                    self.home,
                    self._supervisor,
                    programs=self._programs,
                    preparations=self._preparations,
                    wanted=self._servers,
                    environ=self.environ,
                    report=self._report,
                )
                self._manager = launch.run(attached=attached)
            except BaseException:
                self._end()
                raise

    def wait(self) -> None:
        """Returns when somebody has ended, by `down`, the stack that this object has started.

        Raises:
            StackProblem: its process manager died by itself; what it ran has been ended.
        """
        if self._manager is None:
            return
        code = self._manager.wait()
        if code != 0:
            self.down()
            log = self.home.log("supervisord")
            raise StackProblem(f"The process manager ended by itself (exit code {code}); its log is {log}.")

    def down(self) -> bool:
        """Stops programs, then servers, then the process manager; returns whether anything was running.

        Raises:
            StackProblem: another start or stop of this stack is at work.
        """
        if not self.home.run.is_dir():
            return False
        with self._locked():
            return self._end()

    def is_running(self) -> bool:
        """Whether the process manager of this stack runs, whoever started it."""
        return self._supervisor.is_up()

    def status(self) -> StackStatus:
        """How each process is now."""
        record = self._record()
        running = self.is_running()
        states = self._supervisor.states()
        kinds = dict.fromkeys(record.titles, "server") | dict.fromkeys(record.health, "program")
        names = list(kinds) if running else []

        def look(name: str) -> ProcessStatus:
            state = states.get(name)
            pid = state.pid if state else 0
            return ProcessStatus(
                name=name,
                kind=kinds[name],
                title=record.titles.get(name, name),
                state=state.state if state else "GIVEN",
                healthy=self._answers(name, record)(),
                pid=pid,
                url=record.urls.get(name, ""),
                memory_mb=round(memory_bytes(pid) / 2**20, 1) if pid else 0.0,
                uptime_seconds=round(time.time() - state.started_at, 1) if state and pid else 0.0,
            )

        with ThreadPoolExecutor(max(1, len(names))) as pool:
            processes = tuple(pool.map(look, names))
        return StackStatus(
            running=running,
            healthy=running and all(process.healthy for process in processes),
            broker=record.broker,
            notice=record.notice,
            home=str(self.home.path),
            processes=processes,
        )

    def start(self, name: str) -> None:
        """Starts one process and waits until it is ready.

        Raises:
            StackProblem: it does not start, or there is none of that name.
        """
        record = self._record()
        self._supervisor.start(name)
        title = record.titles.get(name, name)
        with ThreadPoolExecutor(1) as pool:
            # In a thread, because the caller may run an event loop and Kafka's check needs one of its own.
            pool.submit(
                wait_until_ready,
                title,
                child=name,
                answers=self._answers(name, record),
                supervisor=self._supervisor,
                home=self.home,
                seconds_max=READY_SECONDS_MAX,
                cancelled=threading.Event(),
            ).result()
        if name == "kafka" and record.broker == "standin":
            # It came back empty, and a topic made by chance would get the wrong number of partitions.
            for preparation in self._preparations:
                if preparation.needs == "kafka":
                    prepare(preparation, self.environ | record.environment, self.home)

    def stop(self, name: str) -> None:
        """Stops one process and waits until it has ended; it stays down until `start`.

        Raises:
            StackProblem: it does not end, or there is none of that name.
        """
        self._supervisor.stop(name)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while (state := self._supervisor.states().get(name)) and state.pid:
            if time.monotonic() > deadline:
                raise StackProblem(f"{name} does not stop; its log is {self.home.log(name)}.")
            time.sleep(0.05)

    def restart(self, name: str) -> None:
        """Stops and starts one process; see `stop` and `start`."""
        self.stop(name)
        self.start(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to one process. A process that dies of it is started again by the process manager.

        Raises:
            StackProblem: it does not run.
        """
        self._supervisor.signal(name, number)

    def pids(self) -> dict[str, int]:
        """The process id of each process that runs now. A restarted one has a new id."""
        return {name: state.pid for name, state in self._supervisor.states().items() if state.pid}

    @property
    def urls(self) -> dict[str, str]:
        """Where each server and program listens, without passwords."""
        return self._record().urls

    def environment(self) -> dict[str, str]:
        """The variables that a program needs to use this stack, passwords included.

        Raises:
            StackProblem: the stack has never run.
        """
        environment = self._record().environment
        if not environment:
            raise StackProblem(f"There is no stack in {self.home.path} yet: start one by 'handrail up'.")
        return environment

    def _record(self) -> Record:
        return Record.read(self.home.record_file)

    def _answers(self, name: str, record: Record) -> Callable[[], bool]:
        if name in health.SERVER_CHECKS:
            url = record.environment[GIVEN_BY[name]]
            return lambda: health.SERVER_CHECKS[name](url)
        return program_answers(name, record.health.get(name, ""), self._supervisor)

    def _end(self) -> bool:
        was_up = self._supervisor.is_up()
        if was_up:
            manager = self._supervisor.pid()
            self._supervisor.shut_down()
            deadline = time.monotonic() + STOP_SECONDS_MAX
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(manager)
                while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.05)
        ended = leftovers.end(self.home.path)
        if self._manager is not None:
            self._manager.wait()
            self._manager = None
        return was_up or ended > 0

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.home.run / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StackProblem(
                    f"Another 'handrail up' or 'handrail down' is at work on {self.home.path}: wait until it is done."
                ) from error
            yield
