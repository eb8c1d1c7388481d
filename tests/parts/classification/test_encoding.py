"""What of a text is computed for a head: only the blocks that it reads, and each once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from services.classification.adapters.features import Encoded, Once, encode
from services.classification.adapters.model import Model, Pair, TrainedClassifier
from services.classification.adapters.store import load_model, save_model
from services.classification.rules.reading import read
from services.classification.training.fitting import Recipe, balanced_part, fit_expert, fit_space
from services.classification.training.intents import RECIPES, IntentData, train_intents, without_english
from shared.embedding import Embedder, Remembering, Vectors, middle_of
from tests.fakes.embedding import WordEmbedder

MANNER = next(recipe for recipe in RECIPES if recipe.telling)
FAULTS = [f"Broken {word}\n\n### Kind\n\nFault\n\nThe {word} fails with an error." for word in ("log", "tab", "font")]
WISHES = [f"Support {word}\n\n### Kind\n\nWish\n\nIt would be nice to have a {word}." for word in ("tab", "log", "map")]


class Counting(WordEmbedder):
    """Remembers what it was asked, and has a middle of its own."""

    def __init__(self, inner: "Counting | None" = None) -> None:
        self.asked: list[str] = []
        self.inner = inner

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return super().embed(texts)

    def middle(self) -> Embedder:
        assert self.inner is not None
        return self.inner


def encoded(texts: Sequence[str], english: Embedder, multilingual: Embedder) -> Encoded:
    return encode([read(text) for text in texts], [True] * len(texts), english, multilingual)


def test_what_nobody_asks_for_is_not_computed() -> None:
    middle, multilingual = Counting(), Counting()
    english = Counting(middle)

    texts = encoded(FAULTS, english, multilingual)
    assert english.asked == middle.asked == multilingual.asked == []
    texts.take(np.array([1])).dense("english_middle_head")

    assert middle.asked == ["Broken tab"]
    assert english.asked == multilingual.asked == []


def test_a_text_that_is_its_own_title_is_embedded_once() -> None:
    english = Counting(Counting())
    texts = encoded(["How do I roll back?"], english, WordEmbedder())

    head, prose = texts.dense("english_head"), texts.dense("english_prose")

    assert (head == prose).all()
    assert len(english.asked) == 1


@pytest.mark.parametrize("block", ["english_prose", "layout"])
def test_rows_are_the_same_in_whatever_order_they_are_asked_for(block: str) -> None:
    texts = encoded(FAULTS, WordEmbedder(), WordEmbedder())
    last, first = texts.take(np.array([2])).dense(block), texts.take(np.array([0, 2])).dense(block)

    everything = encoded(FAULTS, WordEmbedder(), WordEmbedder()).dense(block)

    assert (last[0] == everything[2]).all()
    assert (first == everything[[0, 2]]).all()
    counts = texts.take(np.array([2, 1])).counts("words")
    assert (counts.toarray() == texts.counts("words").toarray()[[2, 1]]).all()


def test_a_text_in_another_language_is_nought_in_english() -> None:
    texts = encode([read("Rechnung"), read("invoice")], [False, True], WordEmbedder(), WordEmbedder())

    assert not texts.dense("english_head")[0].any()
    assert texts.dense("english_head")[1].any()
    assert texts.dense("multilingual_head")[0].any()


def test_no_texts_at_all_have_blocks_without_rows() -> None:
    texts = encoded([], WordEmbedder(), WordEmbedder())

    assert texts.dense("english_middle_prose").shape == (0, WordEmbedder.dimensions)
    assert texts.counts("lines").shape[0] == 0


def test_an_embedder_without_a_middle_is_its_own() -> None:
    plain, inner = WordEmbedder(), Counting()

    assert middle_of(plain) is plain
    assert middle_of(Counting(inner)) is inner
    assert Remembering(Counting(inner)).middle().embed(["a log"]).shape == (1, 512)
    assert (Once(plain).middle().embed(["a log"]) == plain.embed(["a log"])).all()


def test_words_weigh_by_what_they_tell_and_single_sightings_by_nothing() -> None:
    texts = encoded([*FAULTS, *WISHES], WordEmbedder(), WordEmbedder())
    labels = np.array([0, 0, 0, 1, 1, 1])
    rarity = fit_space(MANNER, texts, labels).rarity["body_words"]

    def weight(word: str) -> float:
        [bucket] = encoded([word], WordEmbedder(), WordEmbedder()).counts("body_words").indices
        return float(rarity[bucket])

    assert weight("fault") > weight("log")
    assert weight("map") == 0.0


def test_a_manner_is_told_from_another_without_the_multilingual_embedding(tmp_path: Path) -> None:
    class Refusing(WordEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            raise AssertionError("the multilingual embedding is not in the recipe")

    texts, labels = encoded([*FAULTS, *WISHES], WordEmbedder(), WordEmbedder()), np.array([0, 0, 0, 1, 1, 1])
    expert = fit_expert(MANNER, texts, labels, 2)
    other = fit_expert(without_english(MANNER), texts, labels, 2)
    save_model(Model(("fault", "wish"), (), Pair(expert, other), None, "v"), {}, "", tmp_path)

    classifier = TrainedClassifier(load_model(tmp_path), WordEmbedder(), Refusing())

    assert classifier.scores("Broken map\n\n### Kind\n\nFault\n\nAn error.", "en").intents[0][0] == "fault"
    assert classifier.scores("Support fonts\n\n### Kind\n\nWish\n\nWould be nice.", "en").intents[0][0] == "wish"


def test_the_recipe_for_other_languages_reads_no_english_block() -> None:
    for recipe in RECIPES:
        assert not any("english" in block for block in without_english(recipe).weights)
        assert sum(without_english(recipe).weights.values()) == pytest.approx(sum(recipe.weights.values()))


def test_a_part_stays_within_its_characters_and_keeps_rare_classes() -> None:
    labels = np.array([0] * 50 + [1, 1])
    lengths = np.full(52, 100)

    rows = balanced_part(labels, 40, lengths, 1_000)

    assert len(rows) == 10
    assert {50, 51} <= set(rows.tolist())
    assert len(balanced_part(labels, 40, lengths, 100_000)) == 40
    assert len(balanced_part(labels, 60, lengths, 100_000)) == 52


def test_of_too_much_to_read_only_a_part_is_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.classification.training.intents.CHARACTERS_MAX", 3_000)
    monkeypatch.setattr(
        "services.classification.training.intents.RECIPES", (Recipe("ridge", "a", {"english_head": 1}),)
    )
    english = Counting(Counting())
    labels = np.arange(60) % 2
    long = [f"{'fault' if label == 0 else 'wish'} number {k} {'word ' * 15}" for k, label in enumerate(labels)]
    unnamed = np.zeros((60, 0), dtype=np.int8)
    data = IntentData(
        encoded(long, english, WordEmbedder()), labels, 60, 2, encoded([], english, WordEmbedder()), unnamed
    )

    _, card = train_intents(data)

    assert 20 < len(set(english.asked)) < 40
    assert card.accuracy > 0.9
