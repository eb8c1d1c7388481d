"""The model of support is trained from labelled answers, and serves as LightGBM would."""

import json
import random
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

from infra.evaluation.result import quiet
from infra.training.groundedness import best_threshold
from infra.training.groundedness_data import Example, measured, rarity_table, read_examples
from infra.training.groundedness_stages import SETTINGS, Trainer, fit
from infra.training.groundedness_swaps import PASSES, Swapping, bank_of, swapped
from services.validation.rules.grounding import RARITY_STEPS
from services.validation.rules.source import Rarity
from services.validation.rules.words import WORD
from services.validation.settings import ValidationSettings
from tests.fakes.embedding import word_tokens

SUBJECTS = (
    "The router",
    "A backup",
    "The invoice",
    "Every guest",
    "The licence",
    "An owner",
    "The mailbox",
    "A domain",
)
DEEDS = (
    "restarts after 4 hours",
    "is kept for 9 days",
    "costs 12 euros",
    "can be moved at any time",
    "needs a password",
)


def made(count: int) -> list[dict[str, Any]]:
    """Answers that quote their source, and answers with a sentence from elsewhere, whose span is marked."""
    chance = random.Random(5)
    rows = []
    for index in range(count):
        facts = [f"{subject} {chance.choice(DEEDS)}." for subject in chance.sample(SUBJECTS, 4)]
        false = f"{chance.choice(SUBJECTS)} was painted purple by Mr. Quist in {1900 + index}."
        said = f"{facts[0]} {false}" if index % 2 else f"{facts[0]} {facts[1]}"
        spans = [[said.index(false), len(said)]] if index % 2 else []
        rows.append({"source": " ".join(facts), "answer": said, "grounded": not index % 2, "spans": spans})
    return rows


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    folder = tmp_path_factory.mktemp("data")
    text = "\n".join(json.dumps(row) for row in made(480))
    (folder / "ragtruth_qa.jsonl").write_text(text, encoding="utf-8")
    return read_examples(folder, ["ragtruth_qa"])


@pytest.fixture(scope="module")
def trainer(examples: list[Example]) -> Trainer:
    rarity = Rarity(rarity_table(examples) / RARITY_STEPS)
    altered = swapped(examples[:100], PASSES[0])
    return Trainer(measured(examples, rarity, word_tokens, quiet), measured(altered, rarity, word_tokens, quiet))


def test_spans_say_which_claims_and_words_are_unsupported(trainer: Trainer) -> None:
    sound, false = (one.example for one in trainer.answers[:2])

    assert [one.claim_labels for one in (sound, false)] == [(True, True), (True, False)]
    assert sound.wrong == (frozenset(), frozenset())
    assert false.wrong == (frozenset(), frozenset(range(len(WORD.findall(false.claims[1])))))


def test_all_stages_learn_to_tell_what_was_added(trainer: Trainer) -> None:
    seen, unseen = np.arange(400), np.arange(400, 480)

    found = trainer.judge(trainer.train(seen), unseen)

    assert all(chance > 0.5 for chance in found.answers[::2])
    assert all(chance < 0.5 for chance in found.answers[1::2])
    assert all(first > second for first, second in found.support[1::2])


def test_training_again_gives_the_same(trainer: Trainer) -> None:
    chosen = np.arange(100)

    assert trainer.words(chosen) == trainer.words(chosen)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_swapped_word_is_another_of_its_kind(examples: list[Example], elsewhere: bool) -> None:
    before = {one.answer: one for one in examples}

    altered = swapped(examples, Swapping(elsewhere, seed=3))

    assert altered
    for one in altered:
        assert one.wrong is not None
        known = before[one.answer]
        for old, new, wrong in zip(known.claims, one.claims, one.wrong, strict=True):
            pairs = enumerate(zip(WORD.findall(old), WORD.findall(new), strict=True))
            assert {place for place, (left, right) in pairs if left != right} == wrong
            if wrong and elsewhere:
                [place] = wrong
                assert WORD.findall(new)[place] not in WORD.findall(one.source)


def test_a_claim_that_is_wrong_already_is_not_altered(examples: list[Example]) -> None:
    for one in swapped(examples, PASSES[0]):
        assert one.wrong is not None
        assert all(label or not wrong for label, wrong in zip(one.claim_labels, one.wrong, strict=True))


def test_words_are_banked_by_kind() -> None:
    assert bank_of("We kept 7 of the backups for Anna.") == {
        "": [("kept", "kept")],
        "number": [("7", "7")],
        "s": [("backups", "backup")],
        "name": [("Anna", "anna")],
    }


def test_trees_serve_what_lightgbm_would() -> None:
    table = np.random.default_rng(3).normal(size=(300, 4))
    right = (table[:, 0] + table[:, 1] * table[:, 2] > 0).tolist()
    rows = [dict(zip("abcd", line, strict=True)) for line in table.tolist()]

    found = fit(rows, right, np.ones(300), 20).probabilities(rows)

    data = lightgbm.Dataset(table, np.array(right, dtype=np.float64), weight=np.ones(300))
    same = lightgbm.train(dict(SETTINGS), data, 20).predict(table)
    assert np.allclose(found, same)


def test_several_seeds_are_served_as_the_mean_of_their_log_odds() -> None:
    table = np.random.default_rng(4).normal(size=(300, 4))
    right = (table[:, 0] + table[:, 1] * table[:, 2] > 0).tolist()
    rows = [dict(zip("abcd", line, strict=True)) for line in table.tolist()]

    found = fit(rows, right, np.ones(300), 20, seeds=(1, 2)).log_odds(rows)

    one, other = (fit(rows, right, np.ones(300), 20, seeds=(seed,)).log_odds(rows) for seed in (1, 2))
    assert one != other
    assert np.allclose(found, np.mean([one, other], axis=0))


def test_the_threshold_weighs_sets_equally() -> None:
    right = [np.array([False, True] * 500), np.array([False, True])]
    likely = [np.array([0.2, 0.6] * 500), np.array([0.5, 0.9])]

    assert 0.5 < best_threshold(right, likely) <= 0.6


def test_the_shipped_model_says_how_it_was_made() -> None:
    path = ValidationSettings().support_model
    card = json.loads(path.with_suffix(".card.json").read_text(encoding="utf-8"))

    assert set(card["trained_on"].values()) == {"MIT"}
    assert card["version"] == json.loads(Path(path).read_text(encoding="utf-8"))["version"]
    assert card["cross_validated"]["answers"]["halueval_qa"]["auroc"] > 0.95
