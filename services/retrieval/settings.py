"""Settings of retrieval, from environment variables `HANDRAIL_RETRIEVAL_…`."""

import math
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
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
    rewriter: Literal["rules", "model"] = Field(
        default="rules", description="Who puts the query of a follow-up or a long ticket; `model` needs `tiers_file`."
    )
    tiers_file: Path | None = Field(default=None, description="The models; drafting's file may serve both.")
    data_may_go: Literal["local", "eu", "external"] = Field(
        default="external", description="How far tickets may go to have their query put."
    )
    rewriter_deadline_seconds: float = Field(
        default=20.0, gt=0.0, le=120.0, description="Then the rules put it. Tiers that are slower are not asked."
    )
    rewriter_cost_usd_max: float = Field(default=math.inf, gt=0.0, description="In the worst case, of one ticket.")

    @model_validator(mode="after")
    def model_has_tiers(self) -> Self:
        """Raises ValueError where a model is to put the query and none is named."""
        if self.rewriter == "model" and self.tiers_file is None:
            raise ValueError("HANDRAIL_RETRIEVAL_REWRITER=model needs HANDRAIL_RETRIEVAL_TIERS_FILE")
        return self
