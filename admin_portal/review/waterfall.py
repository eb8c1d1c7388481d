"""The spans of a case as the rows of a waterfall: children below their parents, gaps of hours left out."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.trace_files import SpanRecord

SPANS_MAX = 500
WIDTH = 1000.0
COLOURS = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One bar; `x` and `width` are thousandths of its trace's duration, `colour` is its service's number."""

    span: SpanRecord
    depth: int
    x: float
    width: float
    start_seconds: float
    colour: int


@dataclass(frozen=True, slots=True)
class Part:
    """One trace: the ticket's way, or one that is linked to it (the review, the delivery)."""

    trace_id: str
    started_at: datetime
    seconds: float
    rows: tuple[Row, ...]


def waterfall(spans: Sequence[SpanRecord]) -> list[Part]:
    """The traces among the spans in the order in which they began."""
    by_trace: dict[str, list[SpanRecord]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start_ns)[:SPANS_MAX]:
        by_trace[span.trace_id].append(span)
    colours = colours_of(spans)
    return [_part(trace_id, group, colours) for trace_id, group in by_trace.items()]


def colours_of(spans: Sequence[SpanRecord]) -> dict[str, int]:
    """The services in the order in which they began, each with the number of its colour."""
    services = dict.fromkeys(span.service for span in sorted(spans, key=lambda span: span.start_ns))
    return {service: number % COLOURS for number, service in enumerate(services)}


def _part(trace_id: str, spans: Sequence[SpanRecord], colours: dict[str, int]) -> Part:
    start = min(span.start_ns for span in spans)
    length = max(1, max(span.end_ns for span in spans) - start)
    rows = tuple(
        Row(
            span=span,
            depth=depth,
            x=WIDTH * (span.start_ns - start) / length,
            # A bar thinner than this could not be seen.
            width=max(4.0, WIDTH * (span.end_ns - span.start_ns) / length),
            start_seconds=(span.start_ns - start) / 1e9,
            colour=colours[span.service],
        )
        for span, depth in _in_tree_order(spans)
    )
    return Part(trace_id, datetime.fromtimestamp(start / 1e9, UTC), length / 1e9, rows)


def _in_tree_order(spans: Sequence[SpanRecord]) -> list[tuple[SpanRecord, int]]:
    known = {span.span_id for span in spans}
    children: dict[str, list[SpanRecord]] = defaultdict(list)
    for span in spans:
        # A parent that was not kept (not sampled, or still running) leaves its children at the top.
        children[span.parent_id if span.parent_id in known else ""].append(span)
    ordered: list[tuple[SpanRecord, int]] = []
    waiting = [(span, 0) for span in reversed(children[""])]
    while waiting:
        span, depth = waiting.pop()
        ordered.append((span, depth))
        waiting += [(child, depth + 1) for child in reversed(children.pop(span.span_id, []))]
    return ordered
