"""Handrail's own processes, and the steps between the servers and them: the tables to edit when one is added."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from infra.demo.model_endpoint import write_tiers
from infra.demo.tenants import write_demo_tenants


@dataclass(frozen=True)
class Program:
    """One process of Handrail.

    In `command`, `{port}` stands for its HTTP port and `{home}` for `HANDRAIL_HOME`. With a `port` (the preferred
    one) it is ready once GET `health_path` answers 200; without, once it has run for a second.
    """

    name: str
    command: Sequence[str]
    port: int | None = None
    health_path: str = "/health/ready"
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: int = 15
    ready_seconds_max: float = 120.0


@dataclass(frozen=True)
class Preparation:
    """A step that runs once at each `up`, as soon as the server it needs is ready and the steps before it are done.

    `job` is either the arguments of `python -m`, or a function of the environment variables.
    """

    name: str
    needs: str
    job: Sequence[str] | Callable[[Mapping[str, str]], None]


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """The command line of a Python module."""
    return (sys.executable, "-m", name, *arguments)


_CELERY = ("-A", "services.delivery.tasks", "--quiet")
_GUNICORN = ("--bind", "127.0.0.1:{port}", "--workers", "1", "--threads", "8", "--access-logfile", "/dev/null")
_DJANGO = {"DJANGO_SETTINGS_MODULE": "admin_portal.config.settings"}

PROGRAMS = (
    Program("intake", module("services.intake.app"), port=8301),
    Program("classification", module("services.classification.app"), port=8302),
    Program("retrieval", module("services.retrieval.app"), port=8303),
    Program("drafting", module("services.drafting.app"), port=8304),
    Program("validation", module("services.validation.app"), port=8305),
    Program("escalation", module("services.escalation.app"), port=8306),
    Program("delivery", module("services.delivery.app"), port=8307),
    Program("feedback", module("services.feedback.app"), port=8308),
    Program("delivery-worker", module("celery", *_CELERY, "worker", "--pool", "threads", "--concurrency", "4")),
    Program("beat", module("celery", *_CELERY, "beat", "--pidfile=", "--schedule", "{home}/data/beat-schedule")),
    Program("portal-inbox", module("admin_portal.inbox"), port=8309, environment=_DJANGO),
    Program(
        "portal", module("gunicorn", "admin_portal.config.wsgi:application", *_GUNICORN), port=8300, environment=_DJANGO
    ),
)

FAKE_HELPDESK = Program("fake-helpdesk", module("infra.demo.fake_helpdesk"), port=8320)
"""Takes the answers in the demo and in tests; never part of a real stack."""

MODEL_ENDPOINT = Program("model-endpoint", module("infra.demo.model_endpoint"), port=8321)
"""Stands in for hosted models where a cascade is run and priced; never part of a real stack."""
MODEL_TIERS = Preparation("model-tiers", "postgres", write_tiers)

PREPARATIONS = (
    Preparation("tenants", "postgres", write_demo_tenants),
    Preparation("topics", "kafka", ("infra.kafka.topics",)),
    Preparation("migrations", "postgres", ("infra.postgres.migrate",)),
    Preparation(
        "portal-migrations",
        "postgres",
        ("django", "migrate", "--noinput", "--settings", "admin_portal.config.settings"),
    ),
    Preparation("portal-users", "postgres", ("django", "ensure_users", "--settings", "admin_portal.config.settings")),
    Preparation("verticals", "postgres", ("infra.verticals.apply",)),
)
