"""Models from files, and languages by the shared detector."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import structlog
from pydantic import ValidationError

from contracts.pack import Pack
from services.validation.rules.alignment import ReadTokens
from services.validation.rules.confidence import Calibration
from services.validation.rules.grounding import SupportModel, SupportWeights
from shared.bert import MiniLM
from shared.language import detect_language
from shared.packs import training_hash

log = structlog.get_logger(__name__)

FILE_BYTES_MAX = 1_000_000
SUPPORT_BYTES_MAX = 10_000_000
Kind = Literal["full", "evidence"]


def calibration_file(folder: Path, kind: Kind) -> Path:
    """Where a confidence model of that kind is in a folder of models."""
    return folder / f"confidence.{kind}.json"


class FileCalibrations:
    """Confidence models by tenant, read once.

    What was trained on this machine counts first, then what the pack's folder brings, as long as it was trained on
    this very pack; for evidence alone, last, the one that is shipped for all packs.
    """

    def __init__(self, home: Path, packs: Mapping[str, tuple[Pack, Path]], shipped: Path) -> None:
        default = _read(shipped)
        self._full = {tenant: _find("full", home, *one) for tenant, one in packs.items()}
        self._evidence = {tenant: _find("evidence", home, *one) or default for tenant, one in packs.items()}

    def full(self, tenant: str) -> Calibration | None:
        """See `Calibrations.full`."""
        return self._full.get(tenant)

    def evidence(self, tenant: str) -> Calibration | None:
        """See `Calibrations.evidence`."""
        return self._evidence.get(tenant)


def _find(kind: Kind, home: Path, pack: Pack, folder: Path) -> Calibration | None:
    present = training_hash(pack)
    for place in (home / "models" / f"{pack.name}-{present}", folder):
        found = _read(calibration_file(place, kind))
        if found is not None and (found.kind, found.trained_on) == (kind, present):
            return found
        if found is not None:
            log.warning("confidence model is of another pack", file=str(calibration_file(place, kind)))
    return None


def _read(path: Path) -> Calibration | None:
    """An unreadable model counts as none: confidence is then 0, and a person decides."""
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ValueError("the file is too large")
        return Calibration.model_validate_json(path.read_bytes())
    except (OSError, ValueError, ValidationError) as error:
        log.error("confidence model unusable", file=path.name, error_type=type(error).__name__)
        return None


class SupportModelUnreadable(Exception):
    """The file of the model of support is missing or is not one."""


def read_support(path: Path, tokens: ReadTokens | None = None) -> SupportModel:
    """The model of support in a file.

    Args:
        path: the file.
        tokens: reads texts as the model did at training (MiniLM); one of its own where none is given.

    Raises:
        SupportModelUnreadable: see there. Unlike a confidence, nothing safe could take its place unnoticed.
    """
    try:
        if path.stat().st_size > SUPPORT_BYTES_MAX:
            raise SupportModelUnreadable(f"{path} is too large")
        weights = SupportWeights.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SupportModelUnreadable(f"{path} holds no model of support: {type(error).__name__}") from error
    return SupportModel(weights, tokens or MiniLM().tokens)


class ExpectingDetector:
    """Detects languages, expecting those the pack is written in."""

    def __init__(self, pack: Pack) -> None:
        self._expected = frozenset({*pack.languages, *pack.knowledge_languages})

    def language_of(self, text: str) -> str:
        """See `LanguageDetector.language_of`."""
        return detect_language(text, self._expected)[0]
