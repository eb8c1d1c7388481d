"""Confidence follows what was measured, and is none where nothing was."""

import math
from typing import Any

import pytest

from contracts.events import AnswerDrafted, Classification, RankedArticle
from services.validation.rules.confidence import Calibration
from tests.unit.cases import classification, draft, drafted, evidence, invoices
from tests.unit.validation.judging import Fixed, judged


def calibration(kind: Any = "full", **fields: Any) -> Calibration:
    values: dict[str, Any] = {
        "version": "test",
        "trained_on": "0",
        "kind": kind,
        "features": ("similarity_margin",),
        "means": (0.0,),
        "scales": (0.1,),
        "weights": (2.0,),
        "intercept": 0.0,
        "sample_size": 700,
        **fields,
    }
    return Calibration(**values)


def test_confidence_follows_the_features() -> None:
    clear = drafted()
    unclear = drafted(context=clear.context.model_copy(update={"evidence": (evidence(), invoices(similarity=0.6))}))
    fixed = Fixed(full=calibration())

    assert judged(clear, fixed).confidence > 0.9
    assert judged(unclear, fixed).confidence == pytest.approx(0.5)
    assert judged(clear, fixed).confidence_sample_size == 700


def test_a_regression_and_trees_together_count_as_the_mean_of_their_log_odds() -> None:
    stump = {
        "features": ("similarity_margin",),
        "roots": (0,),
        "feature": (0, 0, 0),
        "threshold": (0.5, 0.0, 0.0),
        "left": (1, 1, 2),
        "right": (2, 1, 2),
        "value": (0.0, -3.0, 3.0),
    }
    both = calibration(trees=stump)
    trees = calibration(trees=stump, weights=(), scales=())

    assert trees.probability({"similarity_margin": 1.0}) == pytest.approx(1 / (1 + math.exp(-3.0)))
    # The regression says 2 * 0.1 / 0.1 = 2, the trees -3.
    assert both.probability({"similarity_margin": 0.1}) == pytest.approx(1 / (1 + math.exp(0.5)))


def test_what_answered_tickets_like_this_one_makes_a_draft_surer() -> None:
    fixed = Fixed(full=calibration(features=("learned_gap",)))

    def confidence(**chances: float) -> float:
        articles = tuple(RankedArticle(article=name.replace("_", "-"), probability=p) for name, p in chances.items())
        return judged(drafted(classification=classification(articles=articles)), fixed).confidence

    assert confidence(rollback_a_release=0.8, other=0.1) > 0.9
    assert confidence(rollback_a_release=0.1, other=0.8) < 0.1
    # Nothing learned says nothing: the feature counts as it does on the mean.
    assert confidence() == pytest.approx(0.5)


@pytest.mark.parametrize("probability", [0.0, 0.01, 1.0])
def test_log_odds_of_articles_are_finite_and_begin_at_an_unlisted_one(probability: float) -> None:
    known = classification(articles=(RankedArticle(article="a", probability=probability),))

    assert known.article_log_odds("b") == 0.0
    assert 0.0 <= known.article_log_odds("a") < 10.0


def _without_intents() -> Classification:
    return classification(intents=())


@pytest.mark.parametrize(
    ("event", "version"),
    [(drafted(), "a"), (drafted(classification=_without_intents()), "b")],
)
def test_without_intents_the_evidence_alone_counts(event: AnswerDrafted, version: str) -> None:
    fixed = Fixed(full=calibration(version="a"), plain=calibration("evidence", version="b"))

    assert judged(event, fixed).model_version.endswith(f"/{version}")


def test_without_a_model_or_a_citation_there_is_no_confidence() -> None:
    assert judged(drafted()).confidence == 0.0
    assert judged(drafted(draft(citations=())), Fixed(full=calibration())).confidence == 0.0
    assert judged(drafted()).confidence_sample_size == 0


def test_inconsistent_models_are_refused() -> None:
    with pytest.raises(ValueError, match="one number for each feature"):
        calibration(means=(0.0, 1.0))
