"""Spans in files: written by one process, read by another, whatever happened to the first."""

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import Link, Status, StatusCode, Tracer

from shared import trace_files
from shared.trace_files import FileSpanExporter, read_spans, read_trace


def tracer_of(home: Path, service: str) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(home / "traces", service)))
    return provider.get_tracer("tests")


def test_a_span_comes_back_with_all_that_it_had(tmp_path: Path) -> None:
    attributes = {"text": "é🙂", "number": 3, "ratio": 0.5, "yes": True}
    with tracer_of(tmp_path, "intake").start_as_current_span("webhook", attributes=attributes) as span:
        span.add_event("seen", {"times": 1})
        span.set_status(Status(StatusCode.ERROR, "refused"))

    [record] = read_spans(tmp_path)
    context = span.get_span_context()
    assert (record.name, record.service, record.status) == ("webhook", "intake", "error")
    assert (record.trace_id, record.span_id) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert record.parent_id == ""
    assert record.attributes == attributes
    assert record.seconds == (record.end_ns - record.start_ns) / 1e9 >= 0.0


def test_a_trace_is_read_with_the_traces_linked_to_it_by_their_start(tmp_path: Path) -> None:
    intake, worker = tracer_of(tmp_path, "intake"), tracer_of(tmp_path, "delivery-worker")
    with intake.start_as_current_span("webhook") as webhook, intake.start_as_current_span("send"):
        pass
    with intake.start_as_current_span("another ticket"):
        pass
    link = Link(webhook.get_span_context())
    with worker.start_as_current_span("deliver", links=[link]), worker.start_as_current_span("report"):
        pass

    spans = read_trace(tmp_path, f"{webhook.get_span_context().trace_id:032x}")

    assert [span.name for span in spans] == ["webhook", "send", "deliver", "report"]
    assert spans[1].parent_id == spans[0].span_id
    assert spans[2].links == (spans[0].trace_id,)
    assert spans[3].trace_id == spans[2].trace_id != spans[0].trace_id


def test_the_last_line_of_a_killed_process_may_be_cut_short(tmp_path: Path) -> None:
    tracer = tracer_of(tmp_path, "drafting")
    for name in ("kept", "lost"):
        with tracer.start_as_current_span(name):
            pass
    [file] = (tmp_path / "traces").iterdir()
    file.write_bytes(file.read_bytes()[:-40])

    assert [span.name for span in read_spans(tmp_path)] == ["kept"]


def test_where_nothing_was_kept_nothing_is_found(tmp_path: Path) -> None:
    assert read_trace(tmp_path, "0" * 32) == []


def test_files_are_bounded_in_size_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_files, "FILE_BYTES_MAX", 1000)
    tracer = tracer_of(tmp_path, "intake")
    for number in range(60):
        with tracer.start_as_current_span(f"span {number}"):
            pass

    files = sorted((tmp_path / "traces").iterdir())
    assert len(files) <= trace_files.FILES_KEPT + 1
    names = [span.name for span in read_spans(tmp_path)]
    assert "span 59" in names
    assert "span 0" not in names


def test_a_folder_that_cannot_be_written_fails_the_export_and_nothing_else(tmp_path: Path) -> None:
    exporter = FileSpanExporter(tmp_path / "traces", "intake")
    (tmp_path / "traces").rmdir()

    assert exporter.export([]) is SpanExportResult.FAILURE
