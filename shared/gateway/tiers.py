"""Which models there are: providers, the tiers that they serve, and who may spend what on them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from shared.gateway.asking import REACHES, Reach

FILE_BYTES_MAX = 200_000
USD_PER_DAY_DEFAULT = 5.0
_INPUT_TOKENS_TYPICAL = 3_000
_NAME = r"^[a-z0-9][a-z0-9_.-]{0,62}$"
# A body's fields that the gateway accounts with or bounds cannot be set by a tier's `parameters`.
_OWN_FIELDS = frozenset({"model", "messages", "stream", "n", "max_tokens", "max_completion_tokens", "response_format"})


class TiersInvalid(Exception):
    """The file of tiers cannot be used; the text says where and why, without any key."""


class _Part(BaseModel):
    """Unknown fields are refused, since a typo in a limit would lift it. Errors never quote values."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Provider(_Part):
    """One OpenAI-compatible address, with what it bears and where its data go.

    The key comes from the environment variable `api_key_env`. Rates are shared by all processes, `concurrency_max`
    holds for each.
    """

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")]
    api_key_env: str = ""
    api_key: SecretStr = Field(default=SecretStr(""), exclude=True)
    name: str = "openai"
    data: Reach = "external"
    concurrency_max: int = Field(default=16, ge=1, le=1000)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)

    @property
    def key(self) -> str:
        """The key to send; a server without keys gets a word that is none."""
        return self.api_key.get_secret_value() or os.environ.get(self.api_key_env, "") or "none"


class Tier(_Part):
    """One model at its price. Prices are in US dollars per million tokens.

    Args:
        latency_seconds: 95 of 100 responses come within it; own measurements replace it.
        acceptance: how probable it is that a response is accepted, before anything is known of the request.
        hedge: send a second request where the first takes longer than 95 of 100 do, and pay both.
        structured: how far the server follows `response_format`: JSON schemas, any JSON object, not at all.
        parameters: further fields of the request's body, such as `temperature`.
    """

    provider: str
    model: Annotated[str, Field(min_length=1, max_length=200)]
    input_usd_per_million: float = Field(default=0.0, ge=0.0)
    output_usd_per_million: float = Field(default=0.0, ge=0.0)
    latency_seconds: float = Field(default=10.0, gt=0.0)
    context_tokens: int = Field(default=32_000, ge=256)
    output_tokens_max: int = Field(default=1200, ge=1, le=100_000)
    output_tokens_typical: int = Field(default=300, ge=1)
    modalities: tuple[str, ...] = ("text",)
    acceptance: float = Field(default=0.5, ge=0.0, le=1.0)
    timeout_seconds: float = Field(default=20.0, gt=0.0, le=600.0)
    attempts_max: int = Field(default=3, ge=1, le=6)
    hedge: bool = False
    structured: Literal["schema", "object", "none"] = "schema"
    output_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    parameters: dict[str, Any] = {}

    @property
    def is_paid(self) -> bool:
        """Whether a call can cost money."""
        return self.input_usd_per_million > 0 or self.output_usd_per_million > 0

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """The price of one request."""
        return (input_tokens * self.input_usd_per_million + output_tokens * self.output_usd_per_million) / 1e6

    @model_validator(mode="after")
    def parameters_leave_ours_alone(self) -> Self:
        """Raises ValueError where a parameter would change what is accounted or bounded."""
        if taken := sorted(_OWN_FIELDS & set(self.parameters)):
            raise ValueError(f"parameters may not set {', '.join(taken)}")
        return self


class Allowance(_Part):
    """What one tenant may spend a day (UTC) on all tiers together, and how far its data may go."""

    usd_per_day: float = Field(default=USD_PER_DAY_DEFAULT, ge=0.0)
    data: Reach = "external"


class Tiers(_Part):
    """Everything a gateway can reach. `tenants` override `default`; `cache_seconds` 0 caches no equal requests."""

    providers: dict[Annotated[str, Field(pattern=_NAME)], Provider]
    tiers: Annotated[dict[Annotated[str, Field(pattern=_NAME)], Tier], Field(min_length=1, max_length=50)]
    default: Allowance = Allowance()
    tenants: dict[str, Allowance] = {}
    cache_seconds: int = Field(default=0, ge=0, le=2_592_000)

    @model_validator(mode="after")
    def providers_exist(self) -> Self:
        """Raises ValueError where a tier names a provider that is not there."""
        if missing := sorted({tier.provider for tier in self.tiers.values()} - set(self.providers)):
            raise ValueError(f"providers that are not defined: {', '.join(missing)}")
        return self

    def allowance(self, tenant: str) -> Allowance:
        """What holds for a tenant."""
        return self.tenants.get(tenant, self.default)

    def cheapest_first(self) -> list[str]:
        """The tiers by the price of a typical request, of equals the less probably accepted first."""

        def price(name: str) -> tuple[float, float]:
            tier = self.tiers[name]
            return tier.cost_usd(_INPUT_TOKENS_TYPICAL, tier.output_tokens_typical), tier.acceptance

        return sorted(self.tiers, key=price)

    def provider_of(self, tier: str) -> Provider:
        """The provider of a tier by name."""
        return self.providers[self.tiers[tier].provider]


def single(provider: Provider, tier: Tier, *, name: str = "model", usd_per_day: float = USD_PER_DAY_DEFAULT) -> Tiers:
    """The simplest set: one model at one provider."""
    one = tier.model_copy(update={"provider": "only"})
    return Tiers(providers={"only": provider}, tiers={name: one}, default=Allowance(usd_per_day=usd_per_day))


def load_tiers(path: Path, environ: Mapping[str, str] = os.environ) -> Tiers:
    """The tiers in the YAML (or JSON) file at `path`.

    Raises:
        TiersInvalid: the file is missing, too large, breaks the format, or names a variable that is not set.
    """
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise TiersInvalid(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        tiers = Tiers.model_validate(yaml.safe_load(content))
    except OSError as error:
        raise TiersInvalid(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise TiersInvalid(f"{path}, at {place}: {first['msg']}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TiersInvalid(f"{path} is not YAML: {getattr(error, 'problem', None) or type(error).__name__}") from None
    for name, provider in tiers.providers.items():
        if provider.api_key_env and not environ.get(provider.api_key_env):
            raise TiersInvalid(f"{path}: provider {name} takes its key from {provider.api_key_env}, which is not set")
    return tiers


def nearer(one: Reach, other: Reach) -> Reach:
    """The stricter of two bounds on where data may go."""
    return REACHES[min(REACHES.index(one), REACHES.index(other))]
