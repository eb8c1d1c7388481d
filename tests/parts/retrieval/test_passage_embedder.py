"""What passages and questions become for the index, by the real models."""

import numpy as np
import pytest

from services.retrieval.adapters.embedding import ENGLISH_DIMENSIONS, PassageEmbedder
from shared.embedding import MultilingualUSE

PASSAGES = [
    "A rollback puts an earlier release into service. Choose the number of the release.",
    "Invoices are sent on the first day of the month, as a PDF.",
    "A certificate is not issued while the CAA record forbids it.",
]
HOSTILE = ["", " ", "\x00", "🙂" * 50, "\ud800 half a pair", "\u202eright to left", "x" * 1_000_000, "word " * 50_000]


def test_a_question_is_nearest_to_the_passage_that_answers_it(embedder: PassageEmbedder) -> None:
    passages = embedder.embed(PASSAGES)
    questions = ["how do I go back to the version before", "where is my bill", "TLS does not work, says CAA"]

    asked = np.stack([embedder.embed_query(question, "en") for question in questions])

    assert np.allclose(np.linalg.norm(passages, axis=1), 1.0, atol=1e-5)
    assert np.allclose(np.linalg.norm(asked, axis=1), 1.0, atol=1e-5)
    assert (asked @ passages.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_both_english_models_have_a_say(embedder: PassageEmbedder) -> None:
    passage = np.split(embedder.embed(PASSAGES[:1])[0], [384, 768])
    asked = np.split(embedder.embed_query("how do I go back to the version before", "en"), [384, 768])

    assert [round(float(part @ part), 2) for part in passage] == [0.35, 0.5, 0.15]
    assert all(float(one @ other) > 0.02 for one, other in zip(passage, asked, strict=True))


def test_a_question_in_another_language_is_compared_by_the_multilingual_model_alone(embedder: PassageEmbedder) -> None:
    passages = embedder.embed(PASSAGES)

    asked = embedder.embed_query("Wo finde ich meine Rechnung?", "de")

    assert not asked[:ENGLISH_DIMENSIONS].any()
    model = MultilingualUSE()
    [question] = model.embed(["Wo finde ich meine Rechnung?"])
    assert np.allclose(passages @ asked, model.embed(PASSAGES) @ question, atol=1e-5)
    assert (passages @ asked).argmax() == 1


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_has_a_vector(embedder: PassageEmbedder, text: str, language: str) -> None:
    asked, passages = embedder.embed_query(text, language), embedder.embed([text])

    assert asked.shape == (embedder.dimensions,)
    assert passages.shape == (1, embedder.dimensions)
    assert np.isfinite(asked).all()
    assert np.isfinite(passages).all()
