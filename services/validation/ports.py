"""What validation needs from the world."""

from typing import Protocol

from services.validation.rules.confidence import Calibration


class LanguageDetector(Protocol):
    """Tells the language of a text."""

    def language_of(self, text: str) -> str:
        """The BCP 47 tag of the language, or `und` where it cannot be told."""
        ...


class Orders(Protocol):
    """Finds what is meant to steer whatever reads a text."""

    def order_in(self, text: str) -> str:
        """The sentence that gives a model orders, or an empty text where none does."""
        ...


class Calibrations(Protocol):
    """Gives the trained confidence models of a tenant's pack."""

    def full(self, tenant: str) -> Calibration | None:
        """The model that uses intents too, or None where the pack has no taxonomy or was never trained."""
        ...

    def evidence(self, tenant: str) -> Calibration | None:
        """The model that uses evidence alone, or None where there is none."""
        ...
