"""The shipped pack brings a confidence model that was trained on it as it is."""

from pathlib import Path

import pytest

from services.validation.adapters import FileCalibrations, calibration_file
from services.validation.rules.confidence import EVIDENCE_FEATURES, INTENT_FEATURES
from services.validation.settings import ValidationSettings
from shared.packs import load_pack

VERTICALS = Path(__file__).parents[3] / "infra" / "verticals"
NOWHERE = Path("nowhere")


def shipped(name: str) -> FileCalibrations:
    folder = VERTICALS / name
    return FileCalibrations(NOWHERE, {"a": (load_pack(folder), folder)}, ValidationSettings().evidence_calibration)


def test_the_hosting_pack_brings_its_own_model() -> None:
    full = shipped("hosting").full("a")

    assert full is not None, (
        "The pack changed since its confidence was trained, so nothing would be released: "
        "run `python -m infra.training infra/verticals/hosting` against a PostgreSQL."
    )
    assert full.features == EVIDENCE_FEATURES + INTENT_FEATURES
    assert full.sample_size >= 300


@pytest.mark.parametrize("name", ["hosting", "starter"])
def test_every_shipped_pack_has_a_model_for_evidence_alone(name: str) -> None:
    evidence = shipped(name).evidence("a")

    assert evidence is not None
    assert evidence.features == EVIDENCE_FEATURES


def test_the_model_for_all_packs_is_the_hosting_packs() -> None:
    own = calibration_file(VERTICALS / "hosting", "evidence").read_bytes()

    assert ValidationSettings().evidence_calibration.read_bytes() == own
