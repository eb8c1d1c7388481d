"""What classification needs from the outside."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.pack import Pack
from services.classification.rules.deciding import Scores
from services.classification.rules.mood import Mood

# Text and the languages that are likely beforehand, to a BCP 47 tag and its probability.
LanguageDetector = Callable[[str, Collection[str]], tuple[str, float]]
# Text and its BCP 47 tag, to its mood; the same for all tenants, safe to call from several threads, on any text.
ReadsMood = Callable[[str, str], Mood]


class Classifier(Protocol):
    """A model trained for one pack; safe to call from several threads, on any text."""

    model_version: str

    def scores(self, text: str, language: str) -> Scores:
        """Intents, scope and flags of one text. `language` is its BCP 47 tag."""
        ...

    def intents_of(self, texts: Sequence[str], language: str) -> list[tuple[str, float]]:
        """The likeliest intent of each text with its probability; empty where the pack has no intents."""
        ...


@dataclass(frozen=True)
class Domain:
    """What one tenant's tickets are classified by."""

    pack: Pack
    classifier: Classifier
    read_mood: ReadsMood
