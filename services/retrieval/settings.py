"""Settings of retrieval, from environment variables `HANDRAIL_RETRIEVAL_…`."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RetrievalSettings(BaseSettings):
    """How much is looked for, and how long a search may take."""

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_RETRIEVAL_", frozen=True, extra="ignore")

    evidence_max: int = Field(default=12, ge=1, le=50)
    pool: int = Field(default=60, ge=10, le=500, description="Passages that each of the two searches contributes.")
    statement_timeout_seconds: float = Field(default=5.0, gt=0.0)
    solved_answers_max: int = Field(
        default=5_000, ge=0, le=100_000, description="Approved answers kept as evidence, per tenant; 0 keeps none."
    )
