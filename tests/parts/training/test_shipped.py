"""The shipped pack brings a confidence model that was trained on it as it is."""

from pathlib import Path

import pytest

from infra.training.evidence import AGAINST, FOR, NAMES
from services.validation.adapters import FileCalibrations
from services.validation.rules.answering import ANSWERING_FEATURES
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
        "run `python -m infra.training infra/verticals/hosting`."
    )
    assert full.features == EVIDENCE_FEATURES + ANSWERING_FEATURES + INTENT_FEATURES
    assert full.sample_size >= 300


@pytest.mark.parametrize("name", ["hosting", "starter"])
def test_packs_without_a_taxonomy_share_a_model_for_evidence_alone(name: str) -> None:
    evidence = shipped(name).evidence("a")

    assert evidence is not None
    assert evidence.features == NAMES
    assert evidence.sample_size >= 1_000
    sure = evidence.probability(dict.fromkeys(FOR, 1.0) | dict.fromkeys(AGAINST, 0.0))
    lost = evidence.probability(dict.fromkeys(FOR, 0.0) | dict.fromkeys(AGAINST, 1.0))
    assert sure > 0.8
    assert lost < 0.2
