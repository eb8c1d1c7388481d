"""Settings of the validation service, from environment variables `HANDRAIL_VALIDATION_…`."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class ValidationSettings(BaseSettings):
    """Where the models are read from that are shipped for all packs.

    `evidence_calibration` is the confidence model of packs without a trained one of their own, `support_model` tells
    how far an answer follows from what it cites.
    """

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_VALIDATION_", frozen=True, extra="ignore")

    evidence_calibration: Path = Path(__file__).parent / "evidence_calibration.json"
    support_model: Path = Path(__file__).parent / "support_model.json"
