"""Settings of the validation service, from environment variables `HANDRAIL_VALIDATION_…`."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class ValidationSettings(BaseSettings):
    """Where the confidence model is read from that serves packs without a trained one of their own."""

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_VALIDATION_", frozen=True, extra="ignore")

    evidence_calibration: Path = Path(__file__).parent / "evidence_calibration.json"
