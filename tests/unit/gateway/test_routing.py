"""Who serves a request: the least cost per accepted response among those that keep every bound."""

from typing import Any

import pytest

from shared.gateway import Allowance, Needs, Routes, plan
from shared.gateway.asking import Size
from tests.unit.gateway.tiers import SMALL_SIZE, tiers

LARGE_USD = (1_000 * 5 + 300 * 25) / 1e6
SMALL_USD = (1_000 * 0.25 + 300 * 2) / 1e6


def routed(needs: Needs | None = None, **more: Any) -> Routes:
    return plan(more.pop("tiers", tiers()), size=more.pop("size", SMALL_SIZE), needs=needs or Needs(), **more)


def names(routes: Routes) -> list[str]:
    return [route.tier for route in routes.best_first]


def test_what_costs_nothing_comes_first_where_rejections_cost_nothing() -> None:
    assert names(routed()) == ["own", "small", "large"]


def test_a_costly_rejection_makes_the_better_model_the_cheaper_one() -> None:
    found = routed(Needs(rejection_usd=2.0))

    assert names(found) == ["large", "small", "own"]
    assert found.best_first[0].expected_usd == pytest.approx(LARGE_USD)
    assert found.best_first[0].usd_per_accepted == pytest.approx((LARGE_USD + 0.1 * 2) / 0.9)


def test_in_between_the_middle_one_wins() -> None:
    cheap_rejection = Needs(rejection_usd=0.001)

    assert names(routed(cheap_rejection))[0] == "small"


def test_what_is_foreseen_for_the_request_counts_before_the_tiers_own_figure() -> None:
    hopeful = Needs(rejection_usd=2.0, acceptance={"own": 0.99})

    assert names(routed(hopeful))[0] == "own"


def test_a_cascade_asks_by_price() -> None:
    assert [route.tier for route in routed(Needs(rejection_usd=2.0)).cheapest_first()] == ["own", "small", "large"]


BOUNDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "deadline": ({"needs": Needs(deadline_seconds=5.0)}, "large", "too slow for the deadline"),
    "measured latency": ({"latencies": {"small": 400.0}}, "small", "too slow for the deadline"),
    "cost": ({"needs": Needs(cost_usd_max=0.02)}, "large", "may cost too much"),
    "acceptance": ({"needs": Needs(acceptance_min=0.5)}, "own", "too seldom accepted"),
    "modality": ({"needs": Needs(modality="image")}, "small", "takes no image"),
    "context": ({"size": Size(31_000, 124_000)}, "small", "its context is too short"),
    "request's privacy": ({"needs": Needs(reach="local")}, "small", "data may go no further than local"),
    "tenant's privacy": ({"tiers": tiers(Allowance(data="eu"))}, "small", "data may go no further than eu"),
    "open circuit": ({"resting": ["small"]}, "small", "its circuit is open"),
    "pinned": ({"only": "large"}, "small", "not the one asked for"),
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_who_breaks_a_bound_is_left_out_with_the_reason(bound: str) -> None:
    more, tier, reason = BOUNDS[bound]
    found = routed(**more)

    assert tier not in names(found)
    assert found.excluded[tier] == reason


def test_the_stricter_of_two_privacy_bounds_holds() -> None:
    strict_tenant = tiers(Allowance(data="local"))

    assert names(routed(Needs(reach="external"), tiers=strict_tenant)) == ["own"]
    assert names(routed(Needs(reach="local"))) == ["own"]


def test_nobody_left_is_a_result() -> None:
    assert names(routed(Needs(modality="audio"))) == []


def test_the_worst_case_counts_every_byte_and_all_the_output() -> None:
    worst = next(route.worst_usd for route in routed().best_first if route.tier == "large")

    assert worst == pytest.approx((4_000 * 5 + 1_200 * 25) / 1e6)
