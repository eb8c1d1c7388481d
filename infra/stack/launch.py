"""Brings the stack up: servers side by side, each followed by its preparations, then Handrail's own processes."""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from urllib.parse import urlsplit

import psycopg

from infra.stack import database, health, leftovers, servers
from infra.stack.broker import Broker, choose_broker
from infra.stack.home import Home
from infra.stack.once import run_once
from infra.stack.ports import HOST, chosen
from infra.stack.problems import StackProblem
from infra.stack.programs import Preparation, Program, module
from infra.stack.record import Record
from infra.stack.servers import GIVEN_BY, Server
from infra.stack.supervise import Child, Supervisor, last_line

CHECK_SECONDS = 0.1


def without_credentials(url: str) -> str:
    """The URL fit to be shown: without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


def wait_until_ready(
    title: str,
    *,
    child: str | None,
    answers: Callable[[], bool],
    supervisor: Supervisor,
    home: Home,
    seconds_max: float,
    cancelled: threading.Event,
) -> None:
    """Waits until `answers` says so.

    Args:
        title: how the operator knows it.
        child: its name in supervisord, or None when somebody else runs it.
        answers: whether it is ready.
        supervisor: tells whether the child has ended.
        home: has its log.
        seconds_max: how long to wait.
        cancelled: ends the waiting when set.

    Raises:
        StackProblem: it ended, did not become ready in time, or the start was given up.
    """
    deadline = time.monotonic() + seconds_max
    while not answers():
        if cancelled.is_set():
            raise StackProblem("The start was given up.")
        if child is not None:
            state = supervisor.states().get(child)
            if state is None or state.state in ("BACKOFF", "FATAL", "EXITED"):
                log = home.log(child)
                raise StackProblem(f"{title} stopped while starting: {last_line(log)} (whole log: {log}).")
        if time.monotonic() > deadline:
            where = f"its log is {home.log(child)}" if child else "check the address, and that it runs"
            raise StackProblem(f"{title} does not answer after {seconds_max:.0f} seconds: {where}.")
        time.sleep(CHECK_SECONDS)


def program_answers(name: str, url: str, supervisor: Supervisor) -> Callable[[], bool]:
    """The check of a program: its health URL, or without one that it keeps running."""
    if url:
        return lambda: health.http_answers(url)

    def runs() -> bool:
        state = supervisor.states().get(name)
        return state is not None and state.state == "RUNNING"

    return runs


def prepare(preparation: Preparation, environ: Mapping[str, str], home: Home) -> None:
    """Runs one preparation.

    Raises:
        StackProblem: it failed.
    """
    if callable(preparation.job):
        preparation.job(environ)
        return
    log = home.log(f"prepare-{preparation.name}")
    run_once(f"The preparation '{preparation.name}'", module(*preparation.job), environ, log)


class Launch:
    """One start of the stack."""

    def __init__(
        self,
        home: Home,
        supervisor: Supervisor,
        *,
        programs: Sequence[Program],
        preparations: Sequence[Preparation],
        wanted: Sequence[str],
        environ: Mapping[str, str],
        report: Callable[[str], None],
    ) -> None:
        self._home = home
        self._supervisor = supervisor
        self._programs = programs
        self._preparations = preparations
        self._given = {name: environ[GIVEN_BY[name]] for name in wanted if environ.get(GIVEN_BY[name])}
        self._own = frozenset(wanted) - self._given.keys()
        self._environ = dict(environ) | {leftovers.MARK: str(home.path)}
        self._report = report
        self._cancelled = threading.Event()
        self._secrets = home.secrets()

    def run(self, *, attached: bool) -> subprocess.Popen[bytes]:
        """Starts everything and returns the process manager when all of it is ready.

        Args:
            attached: end the stack when the calling thread ends.

        Raises:
            StackProblem: something did not start; what did start is still running.
        """
        broker = None
        if "kafka" in self._own:
            broker = choose_broker(self._environ, self._home.log("maven"), self._report)
            if broker.notice:
                self._report(broker.notice)
        remembered = Record.read(self._home.record_file).ports
        with chosen(self._preferred_ports(), remembered) as ports:
            all_servers = self._servers(broker, ports)
            record = self._record(broker, all_servers, remembered | ports)
            record.write(self._home.record_file)
            self._environ |= record.environment
            children = [server.child for server in all_servers if server.child]
            children += [self._child(program, ports) for program in self._programs]
            manager = self._supervisor.launch(children, self._environ, attached=attached)
            self._all([partial(self._bring_up, server) for server in all_servers])
            self._all([partial(self._start, program, record) for program in self._programs])
        record.pids = {name: state.pid for name, state in self._supervisor.states().items()}
        record.pids["supervisord"] = manager.pid
        record.write(self._home.record_file)
        return manager

    def _preferred_ports(self) -> dict[str, int]:
        own = {name: port for name, port in servers.PREFERRED_PORTS.items() if name.partition("-")[0] in self._own}
        return own | {program.name: program.port for program in self._programs if program.port}

    def _servers(self, broker: Broker | None, ports: Mapping[str, int]) -> list[Server]:
        found = [servers.given(name, url) for name, url in self._given.items()]
        if broker:
            found.append(servers.kafka(broker, self._home, ports))
        if "postgres" in self._own:
            found.append(servers.postgres(self._home, ports, self._secrets))
        if "redis" in self._own:
            found.append(servers.redis(self._home, ports, self._secrets))
        return found

    def _record(self, broker: Broker | None, all_servers: Sequence[Server], ports: dict[str, int]) -> Record:
        environment = {GIVEN_BY[server.name]: server.url for server in all_servers}
        environment["HANDRAIL_HOME"] = str(self._home.path)
        environment["HANDRAIL_TENANTS_FILE"] = str(self._home.tenants_file)
        urls = {program.name: f"http://{HOST}:{ports[program.name]}" for program in self._programs if program.port}
        for name, url in urls.items():
            environment[f"HANDRAIL_{name.upper().replace('-', '_')}_URL"] = url
        defaults = {
            "HANDRAIL_KAFKA_IDEMPOTENCE": "false" if broker and broker.kind == "standin" else "true",
            "HANDRAIL_SECRET_KEY": self._secrets["HANDRAIL_SECRET_KEY"],
            "HANDRAIL_VAULT_KEY": self._secrets["HANDRAIL_VAULT_KEY"],
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }
        environment |= {name: self._environ.get(name) or value for name, value in defaults.items()}
        return Record(
            broker=broker.kind if broker else "given",
            notice=broker.notice if broker else "",
            ports=ports,
            environment=environment,
            urls={server.name: without_credentials(server.url) for server in all_servers} | urls,
            titles={server.name: server.title for server in all_servers},
            health={p.name: f"{urls[p.name]}{p.health_path}" if p.port else "" for p in self._programs},
        )

    def _child(self, program: Program, ports: Mapping[str, int]) -> Child:
        values = {"{port}": str(ports.get(program.name, "")), "{home}": str(self._home.path)}
        command = list(program.command)
        for placeholder, value in values.items():
            command = [argument.replace(placeholder, value) for argument in command]
        port = {"HANDRAIL_HTTP_PORT": values["{port}"]} if program.port else {}
        environment = {**program.environment, **port}
        return Child(program.name, "programs", command, environment, stop_seconds=program.stop_seconds)

    def _bring_up(self, server: Server) -> None:
        began = time.monotonic()
        child = None
        if server.child:
            child = server.name
            server.prepare(self._environ)
            self._supervisor.start(child)
        self._wait(server.title, child, server.answers, server.ready_seconds_max)
        self._report(f"{server.title} is ready at {without_credentials(server.url)} ({time.monotonic() - began:.1f} s)")
        if server.name == "postgres":
            self._prepare_database(server)
        for preparation in self._preparations:
            if preparation.needs == server.name:
                prepare(preparation, self._environ, self._home)
                self._report(f"Prepared: {preparation.name}")

    def _prepare_database(self, server: Server) -> None:
        if server.child is None:
            database.create_extensions(server.url)
            return
        superuser = {"user": "postgres", "password": self._secrets["HANDRAIL_POSTGRES_PASSWORD"]}
        admin_url = psycopg.conninfo.make_conninfo(server.url, dbname="postgres", **superuser)
        database.create_database(admin_url, self._secrets["HANDRAIL_DATABASE_PASSWORD"])
        database.create_extensions(psycopg.conninfo.make_conninfo(admin_url, dbname=database.DATABASE))

    def _start(self, program: Program, record: Record) -> None:
        began = time.monotonic()
        self._supervisor.start(program.name)
        answers = program_answers(program.name, record.health[program.name], self._supervisor)
        self._wait(program.name, program.name, answers, program.ready_seconds_max)
        self._report(f"{program.name} is ready ({time.monotonic() - began:.1f} s)")

    def _wait(self, title: str, child: str | None, answers: Callable[[], bool], seconds_max: float) -> None:
        wait_until_ready(
            title,
            child=child,
            answers=answers,
            supervisor=self._supervisor,
            home=self._home,
            seconds_max=seconds_max,
            cancelled=self._cancelled,
        )

    def _all(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Runs the jobs side by side; the first that fails ends the waiting of the others."""
        if not jobs:
            return
        pool = ThreadPoolExecutor(len(jobs))
        try:
            for future in as_completed([pool.submit(job) for job in jobs]):
                future.result()
        except BaseException:
            self._cancelled.set()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
