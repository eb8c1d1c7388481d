"""The probability that a draft is right: features of the case, and a calibrated logistic model over them."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.events import AnswerDrafted, ClaimVerdict, Classification, Evidence
from contracts.pack import Pack, article_of
from services.validation.rules.answering import Embed, answering_features
from services.validation.rules.checks import cited_text
from services.validation.rules.trees import Trees
from shared.sentences import questions, terms

EVIDENCE_FEATURES = (
    "similarity",
    "similarity_margin",
    "lexical_margin",
    "agreement",
    "word_coverage",
    "question_coverage",
    "words_asked",
    "words_unseen",
    "questions",
    "support",
)
INTENT_FEATURES = (
    "intent_probability",
    "article_probability",
    "article_gap",
    "article_of_intent",
    "article_in_other_intent",
    "out_of_scope",
    "learned_article",
    "learned_gap",
)


class Calibration(BaseModel):
    """A trained confidence model with plain numbers; `infra.training.confidence` writes it.

    `probability` is a logistic regression over standardised features where there are `weights`, boosted trees where
    there are `trees`, and of both the mean of their log odds; then a monotone piecewise linear map (`raw` to
    `calibrated`, isotonic regression) where one was learned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(max_length=200)]
    trained_on: Annotated[str, Field(max_length=200, description="`shared.packs.training_hash` of the pack.")]
    kind: Literal["full", "evidence"]
    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[Annotated[float, Field(gt=0.0)], ...] = ()
    weights: tuple[float, ...] = ()
    intercept: float = 0.0
    trees: Trees | None = None
    raw: tuple[float, ...] = ()
    calibrated: tuple[float, ...] = ()
    sample_size: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def is_consistent(self) -> "Calibration":
        """Raises ValueError where lengths differ or a map is not monotone."""
        linear = {len(self.scales), len(self.weights)} if self.weights or not self.trees else set()
        if {len(self.means), *linear} != {len(self.features)}:
            raise ValueError("means, scales and weights must have one number for each feature")
        if self.trees and not set(self.trees.features) <= set(self.features):
            raise ValueError("the trees ask for features that have no mean")
        if len(self.raw) != len(self.calibrated) or any(
            b < a for knots in (self.raw, self.calibrated) for a, b in pairwise(knots)
        ):
            raise ValueError("raw and calibrated must be of one length and must not fall")
        return self

    def probability(self, features: Mapping[str, float]) -> float:
        """The probability that the draft is right, for features by name; one that is missing counts as average."""
        filled = {**dict(zip(self.features, self.means, strict=True)), **features}
        odds = []
        if self.weights:
            odds.append(self._linear(filled))
        if self.trees:
            odds += self.trees.log_odds([filled])
        plain = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, sum(odds) / len(odds)))))
        return _interpolated(plain, self.raw, self.calibrated) if self.raw else plain

    def _linear(self, features: Mapping[str, float]) -> float:
        terms = zip(self.features, self.means, self.scales, self.weights, strict=True)
        return self.intercept + sum(weight * (features[name] - mean) / scale for name, mean, scale, weight in terms)


def _interpolated(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    if x <= xs[0]:
        return ys[0]
    for (x0, y0), (x1, y1) in pairwise(zip(xs, ys, strict=True)):
        if x <= x1:
            return y1 if x1 <= x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return ys[-1]


def features_of(event: AnswerDrafted, claims: Sequence[ClaimVerdict], pack: Pack, embed: Embed) -> dict[str, float]:
    """What the confidence is computed from; every value is finite. Empty where the draft cites no evidence."""
    known = {one.evidence_id: one for one in event.context.evidence}
    cited = [known[one.evidence_id] for one in event.draft.citations if one.evidence_id in known]
    if not cited:
        return {}
    return {
        **_evidence_features(event.context.evidence, cited[0].document_id),
        **_text_features(event, claims),
        **answering_features(event, embed),
        **_intent_features(event.classification, article_of(cited[0].document_id, cited[0].language), pack),
    }


def _evidence_features(evidence: Sequence[Evidence], first: str) -> dict[str, float]:
    """How clearly the search points at the document that is cited first."""
    own = [one for one in evidence if one.document_id == first]
    others = [one for one in evidence if one.document_id != first]
    similarity = max(one.similarity for one in own)
    best_lexical = max((one.lexical for one in evidence), default=0.0) or 1.0
    lexical_margin = max(one.lexical for one in own) - max((one.lexical for one in others), default=0.0)
    return {
        "similarity": similarity,
        "similarity_margin": similarity - max((one.similarity for one in others), default=0.0),
        "lexical_margin": lexical_margin / best_lexical,
        "agreement": sum(one.document_id == first for one in evidence[:5]) / min(5, len(evidence)),
    }


def _text_features(event: AnswerDrafted, claims: Sequence[ClaimVerdict]) -> dict[str, float]:
    """How much of what is asked the answer takes up, and how well it is supported."""
    said = set(terms(cited_text(event)))
    found = {term for one in event.context.evidence for term in terms(f"{one.title} {one.heading} {one.text}")}
    asked = set(terms(event.ticket.text[:4_000]))
    parts = [words for part in questions(event.ticket.text[:20_000]) if (words := set(terms(part)))] or [asked]
    return {
        "word_coverage": len(asked & said) / max(len(asked), 1),
        "question_coverage": min(len(words & said) / max(len(words), 1) for words in parts),
        "words_asked": math.log1p(len(asked)),
        "words_unseen": len(asked - found) / max(len(asked), 1),
        "questions": math.log1p(max(len(parts), event.classification.questions)),
        "support": min((claim.support for claim in claims), default=0.0),
    }


def _intent_features(classification: Classification, first: str, pack: Pack) -> dict[str, float]:
    """Whether the pack's taxonomy and the search agree. Nothing where the pack has no taxonomy."""
    if not classification.intents:
        return {}
    believed: dict[str, float] = {}
    for ranked in classification.intents:
        intent = pack.intent(ranked.intent)
        for article in set(intent.articles) if intent else ():
            believed[article] = believed.get(article, 0.0) + ranked.probability
    top = pack.intent(classification.intents[0].intent)
    of_top = top is not None and first in top.articles
    other = max((one for article, one in believed.items() if article != first), default=0.0)
    return {
        "intent_probability": classification.intents[0].probability,
        "article_probability": min(1.0, believed.get(first, 0.0)),
        "article_gap": believed.get(first, 0.0) - other,
        "article_of_intent": float(of_top),
        "article_in_other_intent": float(first in believed and not of_top),
        "out_of_scope": classification.out_of_scope,
        **_learned_features(classification, first),
    }


def _learned_features(classification: Classification, first: str) -> dict[str, float]:
    """How probable the article is by what answered tickets like this one. Nothing where nothing was learned."""
    if not classification.articles:
        return {}
    own = classification.article_log_odds(first)
    others = [classification.article_log_odds(one.article) for one in classification.articles if one.article != first]
    return {"learned_article": own, "learned_gap": own - max(others, default=0.0)}


def confidence_of(
    features: Mapping[str, float], full: Calibration | None, evidence: Calibration | None
) -> tuple[float, Calibration | None]:
    """The confidence, and the model it came from: the full one where intents are known, else evidence alone.

    Without a model, or without evidence, there is no confidence: 0.
    """
    model = full if full and "intent_probability" in features else evidence
    if not features or model is None:
        return 0.0, model
    return max(0.0, min(1.0, model.probability(features))), model
