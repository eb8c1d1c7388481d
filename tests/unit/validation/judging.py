"""What a test needs to have a draft judged."""

from typing import Any

from contracts.events import AnswerDrafted, Validation
from services.validation import handler
from services.validation.rules.confidence import Calibration
from shared.injection.spotting import OrderSpotter
from tests.fakes.models import WordEmbedder
from tests.unit.cases import pack

ORDERS = OrderSpotter()
EMBED = WordEmbedder().embed


class Fixed:
    """Implements `LanguageDetector` and `Calibrations` with what a test wants."""

    def __init__(self, language: str = "en", full: Calibration | None = None, plain: Calibration | None = None) -> None:
        self._language, self._full, self._plain = language, full, plain

    def language_of(self, text: str) -> str:
        return self._language

    def full(self, tenant: str) -> Calibration | None:
        return self._full

    def evidence(self, tenant: str) -> Calibration | None:
        return self._plain


def ports_of(fixed: Fixed) -> dict[str, Any]:
    """What the handler needs of the world."""
    return {"languages": fixed, "calibrations": fixed, "orders": ORDERS, "embed": EMBED}


def judged(event: AnswerDrafted, fixed: Fixed | None = None) -> Validation:
    ports = fixed or Fixed()
    return handler.validate(event, pack(), ports, ports, ORDERS, EMBED)
