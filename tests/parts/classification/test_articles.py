"""Which article answers is learned from the texts that it answered."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from contracts.pack import Intent, Pack
from services.classification.adapters.heads import Answers
from services.classification.adapters.model import TrainedClassifier
from services.classification.adapters.store import load_model
from services.classification.training import train
from services.classification.training.calibrating import curve_of
from services.classification.training.fitting import UNKNOWN, Dual, fit_answers
from tests.fakes.embedding import WordEmbedder
from tests.parts.classification.small import TOPICS, small_pack


def with_articles() -> Pack:
    """Each intent has two articles; which one answers, the first word of an example says."""
    known = small_pack()

    def named(one: Intent) -> Intent:
        first = TOPICS[one.id][0]
        examples = tuple(
            example.model_copy(
                update={"articles": (f"{one.id}-{'first' if f' {first} ' in example.text else 'other'}",)}
            )
            for example in one.examples
        )
        return one.model_copy(update={"examples": examples})

    return known.model_copy(update={"intents": tuple(map(named, known.intents))})


def test_articles_that_answered_texts_like_this_one_come_most_probable_first(tmp_path: Path) -> None:
    card = train(with_articles(), WordEmbedder(), WordEmbedder(), tmp_path)
    classifier = TrainedClassifier(load_model(tmp_path), WordEmbedder(), WordEmbedder())

    named = classifier.scores("about deploy and the new version", "en").articles
    other = classifier.scores("about release and the new version", "en").articles
    elsewhere = classifier.scores("about pizza and football today", "en").articles

    assert named[0][0] == "rollback-first"
    assert other[0][0] == "rollback-other"
    assert named[0][1] > 0.5
    assert max(chance for _, chance in elsewhere) < 0.3
    assert all(0 <= after <= before <= 1 for (_, before), (_, after) in pairwise(named))
    assert card.article_accuracy is not None
    assert card.article_accuracy > 0.6
    assert card.article_ece is not None


def test_a_text_whose_answer_is_not_known_teaches_nothing_of_articles() -> None:
    places = np.eye(4, dtype=np.float32)
    named = np.array([[1], [0], [UNKNOWN], [UNKNOWN]], dtype=np.int8)

    alone, beside = fit_answers(named[:2], Dual(places[:2])), fit_answers(named, Dual(places))

    assert beside.bias == pytest.approx(alone.bias)
    assert beside.matrix[2:] == pytest.approx(0.0, abs=0.5)
    assert beside.matrix[0, 0] > 0 > beside.matrix[1, 0]


def test_few_confirmed_articles_are_said_to_answer_nothing() -> None:
    named = np.array([[1, 0]] * 4 + [[0, 0]] * 20, dtype=np.int8)

    curve = curve_of(np.zeros((24, 2)), named)

    assert Answers(np.zeros((1, 2), np.float32), np.zeros(2, np.float32), curve).chances(np.zeros((1, 2))).max() < 1e-9
