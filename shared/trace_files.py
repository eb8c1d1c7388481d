"""Traces on one machine without a collector: OTLP/JSON lines in files, which `handrail trace` and the portal read.

Format: OpenTelemetry protocol file exporter (one `ExportTraceServiceRequest` as JSON per line), so that a collector's
`otlpjsonfile` receiver can take the files over.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

FILE_BYTES_MAX = 64_000_000
FILES_KEPT = 4
Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One finished span, read back from a file. Instants are nanoseconds since the Unix epoch."""

    name: str
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Scalar]
    links: tuple[str, ...]
    status: str

    @property
    def seconds(self) -> float:
        """The span's duration in seconds."""
        return (self.end_ns - self.start_ns) / 1e9


def _value(value: object) -> dict[str, Any]:
    match value:
        case str():  # By far the most frequent.
            return {"stringValue": value}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"arrayValue": {"values": [_value(item) for item in value]}}  # type: ignore[attr-defined]


def _attributes(attributes: Mapping[str, object] | None) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in (attributes or {}).items()]


def _span(span: ReadableSpan) -> dict[str, Any]:
    context = span.context
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "parentSpanId": f"{span.parent.span_id:016x}" if span.parent else "",
        "name": span.name,
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes),
        "events": [
            {
                "name": event.name,
                "timeUnixNano": str(event.timestamp),
                "attributes": _attributes(event.attributes),
            }
            for event in span.events
        ],
        "links": [
            {"traceId": f"{link.context.trace_id:032x}", "spanId": f"{link.context.span_id:016x}"}
            for link in span.links
        ],
        "status": {"code": span.status.status_code.value},
    }


class FileSpanExporter(SpanExporter):
    """Appends finished spans to `<folder>/<service>-<pid>.jsonl`, bounded in size and number of files."""

    def __init__(self, folder: Path, service: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._service = service
        self._path = folder / f"{service}-{os.getpid()}.jsonl"
        self._resource = {"attributes": _attributes({"service.name": service})}

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Writes the spans as one line."""
        line = {
            "resourceSpans": [
                {
                    "resource": self._resource,
                    "scopeSpans": [{"scope": {"name": "handrail"}, "spans": [_span(span) for span in spans]}],
                }
            ]
        }
        try:
            with self._path.open("ab") as file:
                file.write(orjson.dumps(line) + b"\n")
                size = file.tell()
        except OSError:
            return SpanExportResult.FAILURE
        if size > FILE_BYTES_MAX:
            self._rotate()
        return SpanExportResult.SUCCESS

    def _rotate(self) -> None:
        newest = max((_generation(path) for path in self._folder.glob(f"{self._service}-*.old")), default=0)
        self._path.rename(self._folder / f"{self._service}-{newest + 1}.old")
        for path in sorted(self._folder.glob(f"{self._service}-*.old"), key=_generation)[:-FILES_KEPT]:
            path.unlink(missing_ok=True)


def _generation(path: Path) -> int:
    digits = path.stem.rsplit("-", 1)[-1]
    return int(digits) if digits.isdigit() else 0


def _scalar(value: Mapping[str, Any]) -> Scalar:
    for kind, content in value.items():
        if kind == "intValue":
            return int(content)
        if kind != "arrayValue":
            return content  # type: ignore[no-any-return]
    return ""


def _records(line: bytes) -> Iterator[SpanRecord]:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError:
        return  # The last line of a killed process may be cut short.
    for resource in content["resourceSpans"]:
        service = next(
            (a["value"]["stringValue"] for a in resource["resource"]["attributes"] if a["key"] == "service.name"),
            "",
        )
        for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
            yield SpanRecord(
                name=span["name"],
                service=service,
                trace_id=span["traceId"],
                span_id=span["spanId"],
                parent_id=span["parentSpanId"],
                start_ns=int(span["startTimeUnixNano"]),
                end_ns=int(span["endTimeUnixNano"]),
                attributes={a["key"]: _scalar(a["value"]) for a in span["attributes"]},
                links=tuple(link["traceId"] for link in span["links"]),
                status={0: "unset", 1: "ok", 2: "error"}[span["status"]["code"]],
            )


def read_spans(home: Path, containing: Sequence[str] = ()) -> Iterator[SpanRecord]:
    """All spans kept under `home`; with `containing`, only those in lines that hold one of these texts."""
    needles = [text.encode() for text in containing]
    for path in sorted((home / "traces").glob("*")):
        with path.open("rb") as file:
            for line in file:
                if not needles or any(needle in line for needle in needles):
                    yield from _records(line)


def read_trace(home: Path, trace_id: str) -> list[SpanRecord]:
    """The spans of a trace and of the traces linked to it (the review, the delivery), by their start.

    Args:
        home: the folder `HANDRAIL_HOME`, in which `traces/` lies.
        trace_id: 32 hexadecimal digits.
    """
    wanted = {trace_id}
    for _ in range(3):
        found = [span for span in read_spans(home, sorted(wanted)) if span.trace_id in wanted or wanted & {*span.links}]
        if (traces := {span.trace_id for span in found} | wanted) == wanted:
            break
        wanted = traces
    return sorted((span for span in found if span.trace_id in wanted), key=lambda span: span.start_ns)
