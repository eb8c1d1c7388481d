"""The bench of the gateway compares like with like, and says why where it cannot."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from infra.bench import litellm_proxy
from infra.bench.gateway import Round, _round, bench_gateway, summary
from infra.bench.gateway_contenders import Caller
from infra.bench.problems import BenchFailed
from shared.gateway import ModelUnavailable


def a_round(*latencies_ms: float) -> Round:
    return Round(latencies_ms, cpu_ms_per_request=2.0)


def test_overhead_is_taken_within_each_round_and_then_the_median() -> None:
    found = summary(
        {
            "bare_client": [a_round(20.0), a_round(40.0), a_round(21.0)],
            "handrail": [a_round(22.0), a_round(43.0), a_round(22.0)],
        }
    )

    assert found["bare_client"]["p50_ms"] == 21.0
    assert found["handrail"]["overhead_p50_ms"] == 2.0
    assert "overhead_p50_ms" not in found["bare_client"]
    assert found["handrail"]["rounds"] == 3


async def test_a_contender_that_falls_behind_cannot_hide_it() -> None:
    one_at_a_time = asyncio.Lock()

    async def call(number: int) -> None:
        async with one_at_a_time:
            await asyncio.sleep(0.02)

    found = await _round(Caller("slow", call), count=10, rate=1_000.0)

    assert found.percentile(99) > 150


async def test_a_request_that_fails_ends_the_round_with_the_reason() -> None:
    async def call(number: int) -> None:
        raise ModelUnavailable("bench: its circuit is open")

    with pytest.raises(BenchFailed, match="its circuit is open"):
        await _round(Caller("broken", call), count=2, rate=100.0)


@pytest.fixture
def without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Path:
        raise BenchFailed("the LiteLLM proxy could not be installed: no network")

    monkeypatch.setattr(litellm_proxy, "installed", fails)


@pytest.mark.usefixtures("without_proxy")
def test_without_its_peer_the_bench_runs_beside_the_bare_client_and_says_so() -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}
    found = bench_gateway(environ, rate=100.0, requests=20, times=1, report=lambda sentence: None)

    assert found["litellm_proxy"] == {"error": "the LiteLLM proxy could not be installed: no network"}
    for name in ("bare_client", "handrail", "handrail_replacing_personal_data"):
        assert found[name]["p50_ms"] >= found["model_ms"]
    assert "overhead_p99_ms" in found["handrail"]


def test_a_new_lock_gets_a_new_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"HANDRAIL_CACHE": str(tmp_path)}
    before = litellm_proxy.environment_folder(environ)
    other = tmp_path / "lock.txt"
    other.write_text("litellm==0\n")
    monkeypatch.setattr(litellm_proxy, "LOCK", other)

    assert before.parent == litellm_proxy.environment_folder(environ).parent == tmp_path
    assert before != litellm_proxy.environment_folder(environ)
