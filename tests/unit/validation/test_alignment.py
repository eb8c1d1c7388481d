"""How the words of a claim are laid beside those of its source."""

import numpy as np
import pytest

from services.validation.rules.alignment import COLUMNS, NEAR_OF_ALL, WORDS_OF_ALL, Aligned, align
from services.validation.rules.source import Rarity, Source, read_source
from services.validation.rules.wording import UNREAD, word_measures, words_of_answer
from services.validation.rules.words import read_words
from tests.fakes.embedding import word_tokens

RARITY = Rarity(np.full(64, 2.0))
TRIAL = read_source(
    "Anna Berg was sentenced to nine months in prison. Otto Lind paid a fine of 400 euros. The court adjourned."
)


def aligned(text: str, source: Source = TRIAL) -> Aligned:
    [found] = align([(text, source)], RARITY, word_tokens)
    assert found is not None
    return found


def value(found: Aligned, text: str, word: str, column: str) -> float:
    place = found.places.tolist().index(read_words(text).lower.index(word))
    return float(found.columns[place, COLUMNS.index(column)])


def test_only_content_words_are_laid_beside_the_source() -> None:
    text = "Otto Lind was sentenced to prison."

    found = aligned(text)

    assert [read_words(text).lower[place] for place in found.places] == ["otto", "lind", "sentenced", "prison"]
    assert found.columns.shape == (4, len(COLUMNS))
    assert np.isfinite(found.columns).all()


def test_a_word_of_the_source_is_like_itself_and_a_new_one_is_like_none() -> None:
    text = "Anna Berg was sentenced to prison in Oslo."
    found = aligned(text)

    assert value(found, text, "prison", "w_alike") == pytest.approx(1.0, abs=1e-5)
    assert value(found, text, "oslo", "w_alike") < 0.9
    assert value(found, text, "oslo", "w_seen") == 0.0


def test_a_word_from_another_sentence_is_not_where_its_neighbours_are() -> None:
    right, wrong = "Anna Berg was sentenced to months in prison.", "Anna Berg was sentenced to euros in prison."

    assert value(aligned(right), right, "months", "w_same_3") == 1.0
    assert value(aligned(wrong), wrong, "euros", "w_same_3") == 0.0
    assert value(aligned(wrong), wrong, "euros", "w_seen") == 1.0


def test_what_stands_in_the_source_word_for_word_is_not_read() -> None:
    def untouched(texts: object) -> list[object]:
        pytest.fail("nothing had to be read")

    assert align([("Otto Lind paid a fine of 400 euros.", TRIAL)], RARITY, untouched) == [None]  # type: ignore[arg-type]


def test_claims_with_sources_of_their_own_stay_apart() -> None:
    other = read_source("A backup is kept for 14 days.")

    first, second = align(
        [("Otto Lind paid euros.", TRIAL), ("The backup is kept 14 days.", other)], RARITY, word_tokens
    )

    assert first is not None
    assert second is not None
    assert second.columns[:, COLUMNS.index("w_source_sentences")].tolist() == [1.0] * len(second.places)
    assert set(first.columns[:, COLUMNS.index("w_source_sentences")]) == {3.0}


def test_long_drafts_and_sources_are_read_in_part() -> None:
    read: list[str] = []

    def counting(texts: list[str]) -> object:
        read.extend(texts)
        return word_tokens(texts)

    source = read_source(" ".join(f"Fact {index} is about thing{index}." for index in range(300)))
    claims = [(f"Thing{index} and {' '.join(['more'] * 60)}", source) for index in range(100)]

    found = align(claims, RARITY, counting)  # type: ignore[arg-type]

    assert len(read) <= NEAR_OF_ALL + WORDS_OF_ALL / 60 + 1
    assert found[-1] is None


@pytest.mark.parametrize("text", ["", "…", "🙂", "a", "\x00", "?!" * 50, "w " * 3_000, "the of and", "ضيف"])
@pytest.mark.parametrize("source", ["", "🙂", "The.", "Backups are kept.", "w " * 3_000])
def test_any_claim_and_any_source_is_laid_together(text: str, source: str) -> None:
    [found] = align([(text, read_source(source))], RARITY, word_tokens)

    assert found is None or np.isfinite(found.columns).all()


def test_one_bad_word_makes_a_claim_and_its_answer_suspicious() -> None:
    good, bad = [0.02] * 8, [0.02] * 7 + [0.9]

    assert word_measures(bad)["words_joint"] > word_measures(good)["words_joint"]
    assert words_of_answer([good, bad])["suspicion"] > words_of_answer([good, good])["suspicion"]
    assert words_of_answer([good, UNREAD])["suspicion"] > words_of_answer([good, ()])["suspicion"]
    assert word_measures(())["words_joint"] == 0.0
