"""Encodes each text once, however many heads are trained on it."""

from collections.abc import Sequence

from services.classification.adapters.features import Encoded, Once, encode, reads_english
from services.classification.rules.reading import read
from shared.embedding import Embedder
from shared.language import detect_language


class Encoding:
    """Turns texts into `Encoded`, with the language of each told as for a ticket."""

    def __init__(self, english: Embedder, multilingual: Embedder, languages: Sequence[str]) -> None:
        self._english = Once(english)
        self._multilingual = Once(multilingual)
        self._languages = languages

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """One row for each text."""
        speaks = [reads_english(detect_language(text, self._languages)[0]) for text in texts]
        return encode([read(text) for text in texts], speaks, self._english, self._multilingual)
