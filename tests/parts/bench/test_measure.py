"""The arithmetic of the bench."""

import os
import subprocess
import sys

import pytest

from infra.bench.measure import Sample, summary
from infra.bench.pipeline import ratios
from infra.bench.problems import BenchFailed
from infra.bench.workers import cpu_seconds

BUSY = "import time\nwhile time.process_time() < 0.2: pass\nprint('done', flush=True)\ninput()"


def a_sample(speed: float, cpu: float, broker: float | None = 1.0, spans: float = 0.0) -> Sample:
    return Sample(
        tickets_per_second=speed, cpu_ms_per_ticket=cpu, broker_cpu_ms_per_ticket=broker, spans_per_ticket=spans
    )


def test_summary_takes_the_median_and_keeps_the_extremes() -> None:
    found = summary([a_sample(100, 4), a_sample(300, 5), a_sample(200, 9)])
    assert (found["tickets_per_second"], found["tickets_per_second_min"], found["tickets_per_second_max"]) == (
        200,
        100,
        300,
    )
    assert (found["cpu_ms_per_ticket"], found["cpu_ms_per_ticket_min"], found["cpu_ms_per_ticket_max"]) == (5, 4, 9)
    assert found["rounds"] == 3


def test_summary_says_nothing_of_a_broker_that_is_not_ours() -> None:
    assert summary([a_sample(1, 1, broker=None)])["broker_cpu_ms_per_ticket"] is None


def test_spans_are_told_of_those_who_write_any() -> None:
    assert summary([a_sample(1, 1, spans=6.0)])["spans_per_ticket"] == 6.0
    assert "spans_per_ticket" not in summary([a_sample(1, 1)])


def test_no_round_is_no_figure() -> None:
    with pytest.raises(BenchFailed):
        summary([])


def test_ratios_compare_with_the_peers_that_were_measured() -> None:
    found = {
        "handrail_empty": {"tickets_per_second": 300.0, "cpu_ms_per_ticket": 5.0},
        "celery_chain": {"tickets_per_second": 100.0, "cpu_ms_per_ticket": 20.0},
        "bare_aiokafka": {"error": "a worker ended"},
    }
    assert ratios(found) == {"tickets_per_second_to_celery_chain": 3.0, "cpu_ms_per_ticket_to_celery_chain": 0.25}


def test_cpu_time_includes_children() -> None:
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        assert cpu_seconds([process.pid]) >= 0.2
    finally:
        process.communicate(b"\n")
    assert cpu_seconds([os.getpid()]) > 0
