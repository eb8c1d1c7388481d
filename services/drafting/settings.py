"""Settings of the drafting service, from environment variables `HANDRAIL_DRAFTING_…`."""

import math
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.gateway import Needs, Provider, Reach, Tier, Tiers, load_tiers, single


class DraftingSettings(BaseSettings):
    """Which drafters write, and how models are reached and paid.

    `openai` asks a model for every ticket, `cascade` only where quoting is not sure enough. Models are those of
    `tiers_file`; without one, the single model that `openai_…` names.
    """

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_DRAFTING_", frozen=True, extra="ignore")

    drafter: Literal["extractive", "openai", "cascade"] = "extractive"
    tiers_file: Path | None = None
    data_may_go: Reach = Field(default="external", description="How far tickets and evidence may go.")
    deadline_seconds: float = Field(default=90.0, gt=0.0, le=600.0, description="Of a draft, all tiers included.")
    cost_usd_max: float = Field(default=math.inf, gt=0.0, description="What one request may cost in the worst case.")
    usd_per_day: float = Field(default=5.0, ge=0.0, description="Of each tenant; a tiers file says its own.")
    openai_base_url: str = "https://api.openai.com/v1"
    openai_api_key: SecretStr = SecretStr("")
    openai_model: str = "gpt-5-mini"
    openai_provider: str = Field(default="openai", description="`gen_ai.provider.name` on spans.")
    openai_data: Reach = Field(default="external", description="Where that endpoint's data go.")
    openai_timeout_seconds: float = Field(default=20.0, gt=0.0, le=300.0, description="Of one attempt.")
    openai_attempts_max: int = Field(default=3, ge=1, le=6)
    openai_output_tokens_max: int = Field(default=1200, ge=16, le=16_000)
    openai_input_usd_per_million: float = Field(default=0.0, ge=0.0)
    openai_output_usd_per_million: float = Field(default=0.0, ge=0.0)
    openai_paid_once_seconds: int = Field(
        default=86_400, ge=60, le=2_592_000, description="How long a redelivered event gets the same response."
    )

    def tiers(self) -> Tiers:
        """The models. Raises TiersInvalid where the file cannot be used."""
        if self.tiers_file is not None:
            return load_tiers(self.tiers_file)
        provider = Provider(
            base_url=self.openai_base_url,
            api_key=self.openai_api_key,
            name=self.openai_provider,
            data=self.openai_data,
        )
        tier = Tier(
            provider=self.openai_provider,
            model=self.openai_model,
            timeout_seconds=self.openai_timeout_seconds,
            attempts_max=self.openai_attempts_max,
            output_tokens_max=self.openai_output_tokens_max,
            input_usd_per_million=self.openai_input_usd_per_million,
            output_usd_per_million=self.openai_output_usd_per_million,
        )
        return single(provider, tier, name="openai", usd_per_day=self.usd_per_day)

    def needs(self) -> Needs:
        """The bounds of every request."""
        return Needs(deadline_seconds=self.deadline_seconds, cost_usd_max=self.cost_usd_max, reach=self.data_may_go)
