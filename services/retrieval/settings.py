"""Settings of retrieval, from environment variables `HANDRAIL_RETRIEVAL_…`."""

from pathlib import Path

from pydantic import Field, SecretStr
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
    opensearch_url: SecretStr = Field(
        default=SecretStr(""),
        description="https://user:password@host:9200 of a cluster that keeps the knowledge; empty: PostgreSQL does.",
    )
    opensearch_ca_file: Path | None = Field(default=None, description="Certificates to check the cluster's against.")
    opensearch_index: str = Field(default="handrail-knowledge", pattern=r"^[a-z0-9][a-z0-9_.-]{0,199}$")
    opensearch_shards: int = Field(default=3, ge=1, le=64, description="Of an index that has to be made.")
    opensearch_replicas: int = Field(default=1, ge=0, le=8, description="Of an index that has to be made.")
    opensearch_timeout_seconds: float = Field(default=30.0, gt=0.0, description="For any one request.")
