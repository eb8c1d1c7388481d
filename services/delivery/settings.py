"""Settings of delivery, from `HANDRAIL_DELIVERY_…`."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DeliverySettings(BaseSettings):
    """How long and how often delivery tries."""

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_DELIVERY_", frozen=True, extra="ignore")

    attempts_max: int = Field(default=8, ge=1, le=50)
    timeout_seconds: float = Field(default=15.0, gt=0.0, description="For one call of the helpdesk.")
    lease_seconds: float = Field(
        default=60.0, gt=0.0, description="After which a sending that was not reported on is taken over."
    )
    backoff_seconds_max: float = Field(default=600.0, gt=0.0)
    sweep_seconds: float = Field(default=5.0, gt=0.0, description="How often sendings that are due are looked for.")
