"""Settings that every process shares, from environment variables `HANDRAIL_…`."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the servers are and how much one process takes on at once."""

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_", frozen=True, extra="ignore")

    kafka_bootstrap: str = "127.0.0.1:19092"
    # The stand-in broker has no idempotent producer; Apache Kafka does.
    kafka_idempotence: bool = True
    database_url: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:15432/handrail")
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:16379/0")
    home: Path = Path("var")
    tenants_file: Path = Path("var/tenants.yaml")
    vault_key: SecretStr = SecretStr("")
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65535)
    log_level: str = "INFO"

    concurrency: int = Field(default=64, ge=1, le=1024, description="Messages in work at once, per process.")
    attempts_max: int = Field(default=5, ge=1, le=100, description="Tries of a message that fails as retryable.")
    backoff_seconds_max: float = Field(default=30.0, gt=0.0)
    drain_seconds: float = Field(default=20.0, ge=0.0, description="How long SIGTERM waits for work in hand.")
    stuck_seconds: float = Field(default=180.0, gt=0.0, description="After which a message in work counts as stuck.")
    dead_letters_in_a_row_max: int = Field(default=20, ge=1)
