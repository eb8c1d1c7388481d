"""Span files as the services leave them, for the trace page."""

from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import SpanContext, TraceFlags

from shared.clock import now
from shared.trace_files import FileSpanExporter

# Service, what it does, start and end in milliseconds; each is a child of the stage before.
STAGES = (
    ("intake", "POST /v1/webhooks/{source}/{tenant}", 0, 9),
    ("intake", "send ticket-received", 14, 19),
    ("classification", "process ticket-received", 21, 44),
    ("retrieval", "process ticket-classified", 47, 71),
    ("drafting", "process context-retrieved", 74, 118),
    ("validation", "process answer-drafted", 121, 149),
    ("escalation", "process answer-validated", 152, 163),
    ("escalation", "send review-requested", 178, 183),
    ("admin_portal", "process review-requested", 186, 195),
)


class _OneTrace(IdGenerator):
    def __init__(self, trace_id: int) -> None:
        self._trace_id = trace_id

    def generate_trace_id(self) -> int:
        return self._trace_id

    def generate_span_id(self) -> int:
        return RandomIdGenerator().generate_span_id()


def write_trace(home: Path, trace_id: str) -> None:
    """This function will leave the files of one ticket's way below `home`."""
    began = int(now().timestamp() * 1e9) - 3_600_000_000_000
    parent: SpanContext | None = None
    for service, name, start, end in STAGES:
        provider = TracerProvider(
            resource=Resource({"service.name": service}), id_generator=_OneTrace(int(trace_id, 16))
        )
        provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(home / "traces", service)))
        context = trace.set_span_in_context(trace.NonRecordingSpan(parent)) if parent else None
        span = provider.get_tracer("test").start_span(name, context, start_time=began + start * 1_000_000)
        span.end(began + end * 1_000_000)
        found = span.get_span_context()
        parent = SpanContext(found.trace_id, found.span_id, is_remote=True, trace_flags=TraceFlags(1))
