"""OpenTelemetry for every process: where spans and metrics go, and how spans of one case hang together."""

import os
from collections.abc import Mapping
from pathlib import Path

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanContext

from shared.envelope import W3C
from shared.trace_files import FileSpanExporter

tracer = trace.get_tracer("handrail")

# Bucket advice of the messaging and GenAI conventions, which the SDK's default (made for milliseconds) ignores.
_SECONDS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
    30.0,
    120.0,
    600.0,
)


def setup_telemetry(service: str, home: Path) -> None:
    """This function will send the process's spans and metrics where the environment says.

    With `OTEL_EXPORTER_OTLP_ENDPOINT` set, both go there by OTLP over HTTP. Without it, spans are kept in files below
    `home`/traces. Metrics can be scraped from `/metrics` either way.
    """
    resource = Resource.create({"service.name": service, "service.namespace": "handrail"})
    collector = bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
    exporter: SpanExporter = OTLPSpanExporter() if collector else FileSpanExporter(home / "traces", service)
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=20_000, schedule_delay_millis=1000))
    trace.set_tracer_provider(provider)

    readers: list[MetricReader] = [PrometheusMetricReader()]
    if collector:
        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    views = [View(instrument_unit="s", aggregation=ExplicitBucketHistogramAggregation(_SECONDS))]
    metrics.set_meter_provider(MeterProvider(readers, resource=resource, views=views))


def flush_telemetry() -> None:
    """This function will write out spans that are still in memory, before the process ends."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def span_context_of(headers: Mapping[str, str]) -> SpanContext:
    """The span context in a `traceparent` header; an invalid one where there is none."""
    return trace.get_current_span(W3C.extract(headers)).get_span_context()


def link_to(traceparent: str) -> list[Link]:
    """The link of a span that starts much later (a review, a delivery) to the one that caused it.

    A link and not a parent: hours may lie between, and the decision to sample the first trace is long past.
    """
    context = span_context_of({"traceparent": traceparent})
    return [Link(context)] if context.is_valid else []


def current_traceparent() -> str:
    """The W3C `traceparent` of the current span, empty where there is none."""
    headers: dict[str, str] = {}
    W3C.inject(headers)
    return headers.get("traceparent", "")


def trace_id_of(traceparent: str) -> str:
    """The 32 hexadecimal digits of the trace in a `traceparent`, empty where there is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else ""
