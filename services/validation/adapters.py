"""Confidence models from files, and languages by the shared detector."""

from collections.abc import Mapping
from pathlib import Path

import structlog
from pydantic import ValidationError

from contracts.pack import Pack
from services.validation.rules.confidence import Calibration
from shared.language import detect_language
from shared.packs import training_hash

log = structlog.get_logger(__name__)

FILE_BYTES_MAX = 1_000_000


def calibration_file(home: Path, pack: Pack, kind: str) -> Path:
    """Where the training for `pack` leaves its confidence model of that kind (`full` or `evidence`)."""
    return home / "models" / f"{pack.name}-{training_hash(pack)}" / f"confidence.{kind}.json"


class FileCalibrations:
    """Confidence models by tenant, read once: the pack's own, else for evidence alone the one that is shipped."""

    def __init__(self, home: Path, packs: Mapping[str, Pack], shipped: Path) -> None:
        self._full = {tenant: _read(calibration_file(home, pack, "full")) for tenant, pack in packs.items()}
        default = _read(shipped)
        self._evidence = {
            tenant: _read(calibration_file(home, pack, "evidence")) or default for tenant, pack in packs.items()
        }

    def full(self, tenant: str) -> Calibration | None:
        """See `Calibrations.full`."""
        return self._full.get(tenant)

    def evidence(self, tenant: str) -> Calibration | None:
        """See `Calibrations.evidence`."""
        return self._evidence.get(tenant)


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


class ExpectingDetector:
    """Detects languages, expecting those the pack is written in."""

    def __init__(self, pack: Pack) -> None:
        self._expected = frozenset({*pack.languages, *pack.knowledge_languages})

    def language_of(self, text: str) -> str:
        """See `LanguageDetector.language_of`."""
        return detect_language(text, self._expected)[0]
