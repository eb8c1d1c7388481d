"""Celery: posts answers to helpdesks, and sweeps for those that are due.

Run as `celery -A services.delivery.tasks worker --pool threads` and `celery -A services.delivery.tasks beat`.
"""

from functools import lru_cache
from typing import Any
from uuid import UUID

import structlog
from celery import Celery
from celery.signals import setup_logging, worker_init, worker_shutdown
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from services.delivery import handler
from services.delivery.adapters.helpdesks import ConfiguredHelpdesks
from services.delivery.adapters.postgres import PostgresSendings
from services.delivery.ports import Sending
from services.delivery.rules import Attempted, Next
from services.delivery.settings import DeliverySettings
from shared import metrics
from shared.clock import now
from shared.database import sync_engine
from shared.failures import DependencyDown, Retryable
from shared.logs import setup_logs
from shared.settings import Settings
from shared.telemetry import flush_telemetry, link_to, setup_telemetry, tracer
from shared.tenants import load_tenants
from shared.vault import Vault

WORKER = "delivery-worker"
QUEUE = "delivery"
SWEEP_ROWS = 200
# A task must end long before Redis would hand it to another worker.
VISIBILITY_SECONDS = 900

log = structlog.get_logger(__name__)
settings = Settings()
delivery_settings = DeliverySettings()

app = Celery("delivery", broker=settings.redis_url.get_secret_value())
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue=QUEUE,
    task_time_limit=VISIBILITY_SECONDS // 2,
    worker_prefetch_multiplier=1,
    worker_soft_shutdown_timeout=10.0,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
    },
    broker_connection_retry_on_startup=True,
    visibility_timeout=VISIBILITY_SECONDS,
    task_serializer="json",
    accept_content=["json"],
    beat_schedule={
        "sweep": {
            "task": "delivery.sweep",
            "schedule": delivery_settings.sweep_seconds,
            "options": {"expires": delivery_settings.sweep_seconds * 2},
        }
    },
)


@lru_cache(maxsize=1)
def _sendings() -> PostgresSendings:
    return PostgresSendings(sync_engine(settings, WORKER))


@lru_cache(maxsize=1)
def _helpdesks() -> ConfiguredHelpdesks:
    return ConfiguredHelpdesks(load_tenants(settings.tenants_file), delivery_settings.timeout_seconds)


@lru_cache(maxsize=1)
def _vault() -> Vault:
    return Vault(settings.vault_key)


@app.task(name="delivery.send_answer", acks_late=True, max_retries=5)
def send_answer(*, case_id: str, **_: Any) -> None:
    """This function will try once to deliver the answer of a case; the sweep comes back to what failed."""
    sendings = _sendings()
    try:
        sending = sendings.claim(UUID(case_id), delivery_settings.lease_seconds)
        if sending is not None:
            _deliver(sendings, sending)
    except (DependencyDown, Retryable) as error:
        log.warning("delivery waits for the sweep", error=str(error))


def _deliver(sendings: PostgresSendings, sending: Sending) -> None:
    released = sending.released
    with tracer.start_as_current_span(
        "deliver answer",
        context=Context(),
        kind=SpanKind.CLIENT,
        links=link_to(sending.traceparent),
        attributes={
            "handrail.case.id": str(released.case_id),
            "handrail.tenant": released.tenant,
            "handrail.source": released.source,
            "handrail.delivery.attempt": sending.attempts,
        },
    ) as span:
        attempted, then = handler.attempt(
            sending,
            sendings=sendings,
            helpdesks=_helpdesks(),
            vault=_vault(),
            attempts_max=delivery_settings.attempts_max,
            backoff_seconds_max=delivery_settings.backoff_seconds_max,
            now=now(),
        )
        span.set_attribute("handrail.delivery.status", then.status)
    metrics.DELIVERIES.add(1, {"handrail.delivery.status": then.status, "handrail.source": released.source})
    _log_attempt(sending, attempted, then)


def _log_attempt(sending: Sending, attempted: Attempted, then: Next) -> None:
    log.info(
        "delivery attempted",
        case_id=str(sending.released.case_id),
        attempt=sending.attempts,
        status=then.status,
        error=attempted.error,
    )


@app.task(name="delivery.sweep", acks_late=True)
def sweep(**_: Any) -> None:
    """This function will wake a worker for every answer that is due: a retry, or one whose wake-up was lost."""
    try:
        due = _sendings().due(SWEEP_ROWS)
    except (DependencyDown, Retryable) as error:
        log.warning("sweep skipped", error=str(error))
        return
    for case_id in due:
        send_answer.apply_async(kwargs={"case_id": str(case_id)})


@setup_logging.connect
def _setup_logging(**_: Any) -> None:
    setup_logs(WORKER, settings.log_level)


@worker_init.connect
def _setup_telemetry(**_: Any) -> None:
    setup_telemetry(WORKER, settings.home)


@worker_shutdown.connect
def _flush_telemetry(**_: Any) -> None:
    flush_telemetry()
