"""The one way to language models: named tiers at OpenAI-compatible endpoints, routed, bounded, accounted, paid once.

    gateway, closers = open_gateway(load_tiers(path), settings)
    completion = await gateway.complete(prompt, request_id=str(event_id), tenant=tenant)

`complete` asks the tier that is expected to cost least per accepted response and keeps every bound (`Needs`): deadline,
cost, where data may go, context, modality. Where a tier gives nothing, the next one is asked. `tier=` pins one.
`offers` are the tiers that could be asked, without asking: a cascade takes them cheapest first. `stream` yields pieces.

Every request passes, in this order: responses paid for earlier (by `request_id`), equal requests (by content),
routing (routing.py), the provider's places and rates (rates.py), the tier's circuit (health.py), the tenant's budget
of the day (budgets.py), personal data out (privacy.py), the request with its timeout, hedge and retries (calls.py),
personal data back. What comes of it is on spans and metrics (telemetry.py). Only `ModelUnavailable` is raised.
"""

from shared.gateway.asking import Completion, ModelUnavailable, Needs, Piece, Prompt, Reach, Turn
from shared.gateway.gateway import Gateway
from shared.gateway.memory import Memory, ProcessMemory, redis_memory
from shared.gateway.opening import Closer, open_gateway
from shared.gateway.routing import Route, Routes, plan
from shared.gateway.tiers import Allowance, Provider, Tier, Tiers, TiersInvalid, load_tiers, single

__all__ = [
    "Allowance",
    "Closer",
    "Completion",
    "Gateway",
    "Memory",
    "ModelUnavailable",
    "Needs",
    "Piece",
    "ProcessMemory",
    "Prompt",
    "Provider",
    "Reach",
    "Route",
    "Routes",
    "Tier",
    "Tiers",
    "TiersInvalid",
    "Turn",
    "load_tiers",
    "open_gateway",
    "plan",
    "redis_memory",
    "single",
]
