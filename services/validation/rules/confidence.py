"""The probability that a draft is right: features of the case, and a calibrated logistic model over them."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.events import AnswerDrafted, ClaimVerdict, Classification, Evidence
from contracts.pack import Pack
from services.validation.rules.checks import cited_text
from shared.sentences import questions, terms

EVIDENCE_FEATURES = (
    "similarity",
    "similarity_margin",
    "lexical",
    "standing",
    "rank",
    "agreement",
    "word_coverage",
    "question_coverage",
    "support",
    "documents_cited",
    "questions",
    "words_asked",
    "unanswered",
)
INTENT_FEATURES = (
    "intent_probability",
    "intent_margin",
    "article_probability",
    "article_of_intent",
    "article_in_other_intent",
    "out_of_scope",
)


class Calibration(BaseModel):
    """A trained confidence model with plain numbers; `infra.training.confidence` writes it.

    `probability` is a logistic regression over standardised features, then a monotone piecewise linear map
    (`raw` to `calibrated`, isotonic regression) where one was learned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(max_length=200)]
    kind: Literal["full", "evidence"]
    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[Annotated[float, Field(gt=0.0)], ...]
    weights: tuple[float, ...]
    intercept: float
    raw: tuple[float, ...] = ()
    calibrated: tuple[float, ...] = ()
    sample_size: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def is_consistent(self) -> "Calibration":
        """Raises ValueError where lengths differ or a map is not monotone."""
        width = len(self.features)
        if {len(self.means), len(self.scales), len(self.weights)} != {width}:
            raise ValueError("means, scales and weights must have one number for each feature")
        if len(self.raw) != len(self.calibrated) or any(
            b < a for knots in (self.raw, self.calibrated) for a, b in pairwise(knots)
        ):
            raise ValueError("raw and calibrated must be of one length and must not fall")
        return self

    def probability(self, features: Mapping[str, float]) -> float:
        """The probability that the draft is right, for features by name; one that is missing counts as average."""
        score = self.intercept
        for name, mean, scale, weight in zip(self.features, self.means, self.scales, self.weights, strict=True):
            score += weight * (features.get(name, mean) - mean) / scale
        plain = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))
        return _interpolated(plain, self.raw, self.calibrated) if self.raw else plain


def _interpolated(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    if x <= xs[0]:
        return ys[0]
    for (x0, y0), (x1, y1) in pairwise(zip(xs, ys, strict=True)):
        if x <= x1:
            return y1 if x1 <= x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return ys[-1]


def features_of(event: AnswerDrafted, claims: Sequence[ClaimVerdict], pack: Pack) -> dict[str, float]:
    """What the confidence is computed from; every value is finite. Empty where the draft cites no evidence."""
    known = {one.evidence_id: one for one in event.context.evidence}
    cited = [known[one.evidence_id] for one in event.draft.citations if one.evidence_id in known]
    if not cited:
        return {}
    return {
        **_evidence_features(event.context.evidence, cited),
        **_text_features(event, claims),
        **_intent_features(event.classification, cited[0].document_id, pack),
    }


def _evidence_features(evidence: Sequence[Evidence], cited: Sequence[Evidence]) -> dict[str, float]:
    """How clearly the search points at the document that is cited first."""
    first = cited[0].document_id
    own = [one for one in evidence if one.document_id == first]
    others = [one for one in evidence if one.document_id != first]
    documents = list(dict.fromkeys(one.document_id for one in evidence))
    similarity = max(one.similarity for one in own)
    best_score = max((one.score for one in evidence), default=0.0) or 1.0
    best_lexical = max((one.lexical for one in evidence), default=0.0) or 1.0
    return {
        "similarity": similarity,
        "similarity_margin": similarity - max((one.similarity for one in others), default=0.0),
        "lexical": max(one.lexical for one in own) / best_lexical,
        "standing": max(one.score for one in own) / best_score,
        "rank": 1.0 / (1 + documents.index(first)),
        "agreement": sum(one.document_id == first for one in evidence[:5]) / min(5, len(evidence)),
        "documents_cited": float(len({one.document_id for one in cited})),
    }


def _text_features(event: AnswerDrafted, claims: Sequence[ClaimVerdict]) -> dict[str, float]:
    """How much of what is asked the answer takes up, and how well it is supported."""
    said = set(terms(cited_text(event)))
    asked = set(terms(event.ticket.text[:4_000]))
    parts = [words for part in questions(event.ticket.text[:20_000]) if (words := set(terms(part)))]
    coverage = [len(words & said) / len(words) for words in parts]
    return {
        "word_coverage": len(asked & said) / max(len(asked), 1),
        "question_coverage": min(coverage, default=len(asked & said) / max(len(asked), 1)),
        "support": min((claim.support for claim in claims), default=0.0),
        "questions": math.log1p(max(len(parts), event.classification.questions)),
        "words_asked": math.log1p(len(asked)),
        "unanswered": float(len(event.draft.unanswered)),
    }


def _intent_features(classification: Classification, document_id: str, pack: Pack) -> dict[str, float]:
    """Whether the pack's taxonomy and the search agree. Nothing where the pack has no taxonomy."""
    if not classification.intents:
        return {}
    ranked = classification.intents
    second = ranked[1].probability if len(ranked) > 1 else 0.0
    answering = [one for one in ranked if (intent := pack.intent(one.intent)) and document_id in intent.articles]
    return {
        "intent_probability": ranked[0].probability,
        "intent_margin": ranked[0].probability - second,
        "article_probability": min(1.0, sum(one.probability for one in answering)),
        "article_of_intent": float(ranked[0] in answering),
        "article_in_other_intent": float(bool(answering) and ranked[0] not in answering),
        "out_of_scope": classification.out_of_scope,
    }


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
