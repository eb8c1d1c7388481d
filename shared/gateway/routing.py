"""Which tier serves a request: pure arithmetic on prices, probabilities and bounds."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shared.gateway.asking import REACHES, Needs, Size
from shared.gateway.tiers import Tier, Tiers, nearer

# Below this chance a tier's cost per accepted response has no meaning.
_ACCEPTANCE_LEAST = 0.001
_TOO_LONG = "its context is too short"


@dataclass(frozen=True)
class Route:
    """One tier that may serve a request: what that is expected to cost, costs at most, and brings."""

    tier: str
    acceptance: float
    expected_usd: float
    worst_usd: float
    usd_per_accepted: float


@dataclass(frozen=True)
class Routes:
    """The tiers that may serve a request, best first, and for each of the others a reason why not."""

    best_first: tuple[Route, ...]
    excluded: Mapping[str, str]

    @property
    def is_too_long(self) -> bool:
        """Whether no tier may serve the prompt, but one might serve a shorter one."""
        return not self.best_first and _TOO_LONG in self.excluded.values()

    def cheapest_first(self) -> tuple[Route, ...]:
        """The order in which a cascade asks: by expected cost, of equals the more probable first."""
        return tuple(sorted(self.best_first, key=lambda route: (route.expected_usd, -route.acceptance)))


def plan(
    tiers: Tiers,
    *,
    size: Size,
    needs: Needs,
    tenant: str = "",
    latencies: Mapping[str, float] | None = None,
    resting: Collection[str] = (),
    only: str | None = None,
) -> Routes:
    """The tiers that keep every bound of `needs`, by expected cost per accepted response.

    A request at price c whose response is accepted with probability a, and of which each rejection costs r besides,
    takes (c + (1 - a) r) / a until one is accepted. Of equals the more probable comes first, then the faster.

    Args:
        latencies: measured seconds within which 95 of 100 responses come, by tier; else the tier's own figure.
        resting: tiers whose circuit is open.
        only: consider no other tier.
    """
    found: list[tuple[float, float, float, Route]] = []
    excluded: dict[str, str] = {}
    for name, tier in tiers.tiers.items():
        latency = (latencies or {}).get(name, tier.latency_seconds)
        route = _route(name, tier, size, needs)
        reach = nearer(needs.reach, tiers.allowance(tenant).data)
        reason = _why_not(route, tier, size, needs, latency)
        if only is not None and name != only:
            reason = "not the one asked for"
        elif REACHES.index(tiers.provider_of(name).data) > REACHES.index(reach):
            reason = f"data may go no further than {reach}"
        elif name in resting:
            reason = "its circuit is open"
        if reason:
            excluded[name] = reason
        else:
            found.append((route.usd_per_accepted, -route.acceptance, latency, route))
    ordered = sorted(found, key=lambda one: one[:3])
    return Routes(tuple(route for *_, route in ordered), excluded)


def _route(name: str, tier: Tier, size: Size, needs: Needs) -> Route:
    acceptance = needs.acceptance.get(name, tier.acceptance)
    expected = tier.cost_usd(size.tokens, min(tier.output_tokens_typical, tier.output_tokens_max))
    likely = max(acceptance, _ACCEPTANCE_LEAST)
    return Route(
        tier=name,
        acceptance=acceptance,
        expected_usd=expected,
        worst_usd=worst_usd(tier, size),
        usd_per_accepted=(expected + (1 - likely) * needs.rejection_usd) / likely,
    )


def worst_usd(tier: Tier, size: Size) -> float:
    """What one request costs at most: as many tokens as the text has bytes, and all the output it may have."""
    return tier.cost_usd(size.tokens_max, tier.output_tokens_max)


def _why_not(route: Route, tier: Tier, size: Size, needs: Needs, latency: float) -> str:
    if needs.modality not in tier.modalities:
        return f"takes no {needs.modality}"
    if size.tokens + tier.output_tokens_max > tier.context_tokens:
        return _TOO_LONG
    if latency > needs.deadline_seconds:
        return "too slow for the deadline"
    if route.worst_usd > needs.cost_usd_max:
        return "may cost too much"
    if route.acceptance < needs.acceptance_min:
        return "too seldom accepted"
    return ""
