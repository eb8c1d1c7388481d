"""Settings of the intake edge, from `HANDRAIL_INTAKE_…`."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IntakeSettings(BaseSettings):
    """Bounds on what the edge takes."""

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_INTAKE_", frozen=True, extra="ignore")

    body_bytes_max: int = Field(default=1_000_000, ge=1_000, description="Largest webhook body; larger ones get 413.")
    replay_window_seconds: float = Field(
        default=300.0, gt=0.0, description="How old or new a signed timestamp may be (Standard Webhooks: five minutes)."
    )
    requests_at_once_max: int = Field(default=64, ge=1, description="Above it, webhooks get 503 and Retry-After.")
