"""Runs one service: consumers, outbox relay, health and metrics over HTTP, and a clean end on SIGTERM."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from opentelemetry import metrics as otel_metrics
from opentelemetry.metrics import CallbackOptions, Observation
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.failures import DependencyDown
from shared.kafka import KafkaConsumers, KafkaProducer
from shared.logs import setup_logs
from shared.relay import Relay
from shared.settings import Settings
from shared.stage import Patience, Runner, Stage
from shared.telemetry import flush_telemetry, setup_telemetry

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[str | None]]

# FastAPI's own spans would follow a stranger's trace context and count every health check, and its logs quote errors.
OWN_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


@dataclass(kw_only=True)
class Service:
    """One process of the flow.

    Args:
        name: also the consumer group and the `service.name` of its spans.
        stages: what it consumes and does.
        relay: builds the outbox relay, for owners of state.
        api: further HTTP routes (the intake edge); health and metrics are added to it.
        checks: further reasons not to be ready; each returns None or words.
        on_stop: closes what the service opened.
    """

    name: str
    settings: Settings
    stages: Sequence[Stage] = ()
    relay: Callable[[KafkaProducer], Relay] | None = None
    api: FastAPI = field(default_factory=lambda: FastAPI(openapi_url=None, telemetry=OWN_TELEMETRY))
    checks: Sequence[Check] = ()
    on_stop: Sequence[Callable[[], Awaitable[None]]] = ()
    _consumers: KafkaConsumers | None = None
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def run(self) -> None:
        """This function will run the service until SIGTERM or SIGINT, and exit with 1 where it had to give up."""
        setup_logs(self.name, self.settings.log_level)
        setup_telemetry(self.name, self.settings.home)
        self.api.router.lifespan_context = self._lifespan
        self.api.add_api_route("/health/live", self._live, include_in_schema=False)
        self.api.add_api_route("/health/ready", self._ready, include_in_schema=False)
        self.api.add_api_route("/metrics", self._metrics, include_in_schema=False)
        config = uvicorn.Config(
            self.api,
            host=self.settings.http_host,
            port=self.settings.http_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=int(self.settings.drain_seconds) + 5,
            server_header=False,
        )
        # When it has shut down, uvicorn raises the signal again for the handler that it found.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        uvicorn.Server(config).run()
        flush_telemetry()
        if self._consumers is not None and self._consumers.failed.is_set():
            raise SystemExit(1)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        producer = KafkaProducer(self.settings, self.name)
        starting = asyncio.create_task(self._start(producer))
        self._tasks.append(starting)
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._consumers is not None:
                await self._consumers.drain()
            await producer.stop()
            for stop in self.on_stop:
                await stop()

    async def _start(self, producer: KafkaProducer) -> None:
        """Kafka may come up after this process: the HTTP side answers meanwhile, and is not ready."""
        await self._until_up(producer.start)
        if self.relay is not None:
            self._tasks.append(asyncio.create_task(self.relay(producer).run()))
        if not self.stages:
            return
        runner = Runner(
            service=self.name,
            publish=producer.publish,
            patience=Patience(
                attempts_max=self.settings.attempts_max, backoff_seconds_max=self.settings.backoff_seconds_max
            ),
            dead_letters_in_a_row_max=self.settings.dead_letters_in_a_row_max,
        )
        consumers = KafkaConsumers(self.settings, runner, self.stages)
        await self._until_up(consumers.start)
        self._consumers = consumers
        _watch_lag(consumers)
        self._tasks.append(asyncio.create_task(_stop_when_failed(consumers)))
        log.info("consuming", topics=[stage.consumes.topic for stage in self.stages])

    async def _until_up(self, start: Callable[[], Awaitable[None]]) -> None:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await start()
            except DependencyDown as error:
                log.warning("waiting for Kafka", error=str(error), attempt=attempt)
                await asyncio.sleep(min(5.0, 0.2 * 1.5**attempt))

    async def _live(self) -> Response:
        problems = self._consumers.problems() if self._consumers else []
        stuck = [problem for problem in problems if "in work" in problem or "too many" in problem]
        return JSONResponse({"status": "stuck" if stuck else "live", "problems": stuck}, 503 if stuck else 200)

    async def _ready(self) -> Response:
        problems = [problem for check in self.checks if (problem := await check())]
        if self.stages:
            problems += self._consumers.problems() if self._consumers else ["not connected to Kafka yet"]
        return JSONResponse(
            {"status": "not ready" if problems else "ready", "problems": problems}, 503 if problems else 200
        )

    async def _metrics(self, _: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _watch_lag(consumers: KafkaConsumers) -> None:
    def observe(_: CallbackOptions) -> list[Observation]:
        return [
            Observation(
                lag,
                {
                    "messaging.destination.name": tp.topic,
                    "messaging.destination.partition.id": str(tp.partition),
                },
            )
            for tp, lag in consumers.lag().items()
        ]

    otel_metrics.get_meter("handrail").create_observable_gauge(
        "messaging.kafka.consumer.lag", [observe], unit="{message}", description="Messages not yet fetched."
    )


async def _stop_when_failed(consumers: KafkaConsumers) -> None:
    await consumers.failed.wait()
    os.kill(os.getpid(), signal.SIGTERM)
