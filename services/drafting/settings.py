"""Settings of the drafting service, from environment variables `HANDRAIL_DRAFTING_…`."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class DraftingSettings(BaseSettings):
    """Which drafter writes, and how the OpenAI-compatible endpoint is reached and paid."""

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_DRAFTING_", frozen=True, extra="ignore")

    drafter: Literal["extractive", "openai"] = "extractive"
    openai_base_url: str = "https://api.openai.com/v1"
    openai_api_key: SecretStr = SecretStr("")
    openai_model: str = "gpt-5-mini"
    openai_provider: str = Field(default="openai", description="`gen_ai.provider.name` on spans.")
    openai_timeout_seconds: float = Field(default=20.0, gt=0.0, le=300.0, description="Of one attempt.")
    openai_attempts_max: int = Field(default=3, ge=1, le=6)
    openai_output_tokens_max: int = Field(default=1200, ge=16, le=16_000)
    openai_input_usd_per_million: float = Field(default=0.0, ge=0.0)
    openai_output_usd_per_million: float = Field(default=0.0, ge=0.0)
    openai_paid_once_seconds: int = Field(
        default=86_400, ge=60, le=2_592_000, description="How long a redelivered event gets the same response."
    )
