"""Span files as the services leave them, for the trace page."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Link, SpanContext, TraceFlags

from shared.clock import now
from shared.trace_files import FileSpanExporter

# Service, what it does, start and end in milliseconds; each is a child of the one before.
Step = tuple[str, str, int, int]
WAY: tuple[Step, ...] = (
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
REVIEW: tuple[Step, ...] = (
    ("admin_portal", "review", 2_400_000, 2_400_008),
    ("admin_portal", "send review-completed", 2_400_021, 2_400_026),
    ("escalation", "process review-completed", 2_400_029, 2_400_041),
    ("escalation", "send answer-released", 2_400_060, 2_400_064),
    ("delivery", "process answer-released", 2_400_067, 2_400_079),
)


class _OneTrace(IdGenerator):
    def __init__(self, trace_id: int) -> None:
        self._trace_id = trace_id

    def generate_trace_id(self) -> int:
        return self._trace_id

    def generate_span_id(self) -> int:
        return RandomIdGenerator().generate_span_id()


def write_trace(home: Path, trace_id: str) -> None:
    """This function will leave below `home` the files of one ticket's way and of the review that followed."""
    began = int(now().timestamp() * 1e9) - 3_600_000_000_000
    last = _write(home, int(trace_id, 16), WAY, began, [])
    _write(home, uuid4().int, REVIEW, began, [Link(last)])


def _write(home: Path, trace_id: int, steps: Sequence[Step], began: int, links: Sequence[Link]) -> SpanContext:
    parent = trace.INVALID_SPAN_CONTEXT
    for service, name, start, end in steps:
        provider = TracerProvider(resource=Resource({"service.name": service}), id_generator=_OneTrace(trace_id))
        provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(home / "traces", service)))
        context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
        span = provider.get_tracer("test").start_span(
            name, context, start_time=began + start * 1_000_000, links=[] if parent.is_valid else links
        )
        span.end(began + end * 1_000_000)
        span_id = span.get_span_context().span_id
        parent = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(1))
    return parent
