"""A pack's classifier with the shipped injection detector beside it."""

from collections.abc import Sequence
from dataclasses import replace

from services.classification.ports import Classifier
from services.classification.rules.deciding import Scores
from shared.injection.detector import InjectionDetector

FLAG = "injection"


class Guarded:
    """Implements `Classifier`: what `classifier` says, and the risk `injection` where the detector raises its alarm."""

    def __init__(self, classifier: Classifier, detector: InjectionDetector) -> None:
        self._classifier = classifier
        self._detector = detector
        self.model_version = classifier.model_version

    def intents_of(self, texts: Sequence[str], language: str) -> list[tuple[str, float]]:
        """See `Classifier.intents_of`."""
        return self._classifier.intents_of(texts, language)

    def scores(self, text: str, language: str) -> Scores:
        """See `Classifier.scores`. The surer of the two opinions on `injection` counts."""
        scores = self._classifier.scores(text, language)
        judgement = self._detector.judge(text)
        if not judgement.alarm:
            return scores
        known = max((chance for name, chance in scores.risks if name == FLAG), default=0.0)
        others = tuple(risk for risk in scores.risks if risk[0] != FLAG)
        return replace(scores, risks=(*others, (FLAG, max(known, judgement.probability))))
