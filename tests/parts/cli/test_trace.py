"""The waterfall of a case."""

from io import StringIO

import pytest
from rich.console import Console

from infra.cli.trace import _plain, _trace_id, _waterfall
from infra.stack.problems import StackProblem
from shared.trace_files import SpanRecord


def span(name: str, span_id: str, parent_id: str = "", *, start: int, end: int, status: str = "unset") -> SpanRecord:
    return SpanRecord(
        name=name,
        service="intake",
        trace_id="a" * 32,
        span_id=span_id,
        parent_id=parent_id,
        start_ns=start * 10**6,
        end_ns=end * 10**6,
        attributes={"handrail.tenant": "acme"},
        links=("b" * 32,) if name == "deliver answer" else (),
        status=status,
    )


SPANS = [
    span("webhook", "1", start=1000, end=1100),
    span("send", "2", "1", start=1050, end=1060),
    span("process", "3", "2", start=1200, end=1400, status="error"),
    span("deliver answer", "4", start=5000, end=5001),
]


def printed(spans: list[SpanRecord]) -> list[str]:
    out = StringIO()
    Console(file=out, width=140, color_system=None).print(_waterfall(spans))
    return out.getvalue().splitlines()[1:]


def test_spans_stand_under_their_parents_with_their_start_and_duration() -> None:
    webhook, send, process, deliver = printed(SPANS)

    assert webhook.startswith("webhook ")
    assert send.startswith("  send ")
    assert process.startswith("    process ")
    assert deliver.startswith("↳ deliver answer ")
    assert "0.200" in process
    assert "200.0" in process


def test_every_span_has_a_bar_within_the_columns() -> None:
    bars = [line.count("█") for line in printed(SPANS)]

    assert min(bars) >= 1
    assert max(bars) <= 40


def test_a_span_that_names_itself_as_its_parent_ends_nevertheless() -> None:
    assert printed([span("loop", "1", "1", start=0, end=1)])


def test_words_of_a_stranger_in_a_name_are_no_markup() -> None:
    assert printed([span("[red]x[/red][/]", "1", start=0, end=1)])[0].startswith("[red]x[/red][/]")


def test_for_machines_a_span_is_plain_data() -> None:
    assert _plain(SPANS[3]) == {
        "name": "deliver answer",
        "service": "intake",
        "trace_id": "a" * 32,
        "span_id": "4",
        "parent_id": "",
        "linked_traces": ["b" * 32],
        "start_ns": 5000 * 10**6,
        "seconds": 0.001,
        "status": "unset",
        "attributes": {"handrail.tenant": "acme"},
    }


def test_what_is_no_case_id_is_refused_before_any_database_is_asked() -> None:
    with pytest.raises(StackProblem, match="no case id"):
        _trace_id("'; DROP TABLE x")
