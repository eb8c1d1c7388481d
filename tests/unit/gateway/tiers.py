"""Sets of tiers for tests; nobody answers at their addresses."""

from typing import Any

from shared.gateway import Allowance, Provider, Tier, Tiers
from shared.gateway.asking import Size

SMALL_SIZE = Size(tokens=1_000, tokens_max=4_000)


def tiers(allowance: Allowance | None = None, **changes: dict[str, Any]) -> Tiers:
    """Three tiers: `own` (here, free, often wrong), `small` and `large` (elsewhere, dearer, better).

    `changes` are fields by tier.
    """
    values: dict[str, dict[str, Any]] = {
        "own": {"provider": "here", "model": "own", "acceptance": 0.2, "latency_seconds": 8.0},
        "small": {
            "provider": "elsewhere",
            "model": "small",
            "acceptance": 0.6,
            "latency_seconds": 3.0,
            "input_usd_per_million": 0.25,
            "output_usd_per_million": 2.0,
        },
        "large": {
            "provider": "elsewhere",
            "model": "large",
            "acceptance": 0.9,
            "latency_seconds": 12.0,
            "input_usd_per_million": 5.0,
            "output_usd_per_million": 25.0,
            "context_tokens": 200_000,
        },
    }
    return Tiers(
        providers={
            "here": Provider(base_url="http://127.0.0.1:9/v1", data="local"),
            "elsewhere": Provider(base_url="http://127.0.0.1:9/v1", data="external"),
        },
        tiers={name: Tier(**{**fields, **changes.get(name, {})}) for name, fields in values.items()},
        default=allowance or Allowance(),
    )
