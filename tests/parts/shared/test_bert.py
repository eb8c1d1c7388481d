"""The English models, whose weights come in packages."""

import numpy as np
import pytest

from shared.bert import BGE_QUESTION, BGESmall, MiniLM, MiniLMMiddle

TEXTS = ["How do I roll back?", "My invoice is missing.", "The deploy fails since this morning.", ""]
MODELS = {"minilm": MiniLM(one_by_one=True), "minilm-in-batches": MiniLM(), "middle": MiniLMMiddle(), "bge": BGESmall()}


@pytest.mark.parametrize("name", MODELS)
def test_every_text_has_a_vector_of_length_one_in_its_place(name: str) -> None:
    found = MODELS[name].embed(TEXTS)

    alone = np.vstack([MODELS[name].embed([text]) for text in TEXTS])
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    assert (found @ alone.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["minilm", "bge"])
def test_what_is_read_one_by_one_does_not_depend_on_its_company(name: str) -> None:
    [alone] = MODELS[name].embed(TEXTS[:1])

    assert np.array_equal(MODELS[name].embed(TEXTS)[0], alone)
    assert np.array_equal(MODELS[name].embed([*TEXTS[:1], "Another one of much the same length."])[0], alone)


def test_bge_finds_the_passage_for_a_question() -> None:
    passages = MODELS["bge"].embed(["A rollback puts an earlier release into service.", "Invoices come monthly."])

    asked = MODELS["bge"].embed([f"{BGE_QUESTION}How do I go back to the version before?"])

    assert (asked @ passages.T).argmax() == 0
