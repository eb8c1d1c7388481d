"""What the model of support is shown of a statement and its source."""

import math

import numpy as np
import pytest

from services.validation.rules.grounding import answer_measures, claim_measures, stems_asked, whole_measures
from services.validation.rules.source import Rarity, read_source
from services.validation.rules.support import Measures, measure, statement
from services.validation.rules.wording import UNREAD
from services.validation.rules.words import number, read_words

RARITY = Rarity(np.full(64, 2.0))
SOURCE = read_source(
    "Backups are kept for fourteen days. Anna Berg may restore them after 1,000 requests. It is not free."
)


def measured(text: str, question: str = "") -> Measures:
    return measure(statement(text, SOURCE, stems_asked(question), RARITY))


def test_a_quotation_shares_all_and_has_nothing_unseen() -> None:
    found = measured("Backups are kept for fourteen days.")

    assert found["overlap"] == found["overlap_best"] == found["pairs"] == found["verbatim"] == 1.0
    assert found["unseen"] == found["numbers_unseen"] == found["names_unseen"] == found["opposites"] == 0.0


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("Backups are kept for 15 days.", "numbers_unseen", 1.0),
        ("Backups are kept for 14 days.", "numbers_unseen", 0.0),
        ("After 1000 requests they may be restored.", "numbers_unseen", 0.0),
        ("They are restored by Otto Lind.", "names_unseen", 2.0),
        ("It is free.", "negation_differs", -1.0),
        ("Backups are not kept.", "negation_differs", 1.0),
        ("Anna Berg may restore them before 1,000 requests.", "opposites", 1.0),
    ],
)
def test_what_the_source_has_otherwise_is_counted(text: str, name: str, value: float) -> None:
    assert measured(text)[name] == value


def test_what_the_question_says_already_is_not_new() -> None:
    assert measured("Backups are kept.", "Are backups kept?")["new"] == 0.0
    assert measured("Backups are kept.")["new"] == 2.0


@pytest.mark.parametrize(
    ("word", "value"), [("1,000", "1000"), ("3rd", "3"), ("seven", "7"), ("2.50", "2.5"), ("7", "7"), ("days", "")]
)
def test_equal_numbers_are_written_equally(word: str, value: str) -> None:
    assert number(word) == value


def test_a_capital_names_only_inside_a_sentence() -> None:
    words = read_words("Ask Anna. Then call ACME about v12")

    assert [word for word, name in zip(words.lower, words.names, strict=True) if name] == ["anna", "acme", "v12"]


@pytest.mark.parametrize("text", ["", "…", "🙂", "a", "one two", "ضيف", "\x00", "?!" * 50])
@pytest.mark.parametrize("source", ["", "🙂", "Backups are kept."])
def test_measures_are_always_the_same_and_finite(text: str, source: str) -> None:
    read = read_source(source)
    asked = stems_asked("")
    claims = claim_measures([(text, read)], asked, RARITY)
    row = answer_measures(whole_measures(text, read, asked, RARITY), claims, [0.5], [UNREAD])

    assert list(claims[0]) == list(claim_measures([("Backups.", SOURCE)], asked, RARITY)[0])
    assert all(math.isfinite(value) for value in (*row.values(), *claims[0].values()))


def test_an_answer_is_doubtful_by_its_words_and_by_its_worst_claim() -> None:
    whole, text = whole_measures("", SOURCE, frozenset(), RARITY), "Backups are kept."
    claims = claim_measures([(text, SOURCE)] * 2, frozenset(), RARITY)

    def doubt(support: list[float], words: list[float]) -> float:
        return answer_measures(whole, claims, support, [words, words])["doubt"]

    assert doubt([0.9, 0.2], [0.1]) > doubt([0.9, 0.8], [0.1])
    assert doubt([0.9, 0.8], [0.7]) > doubt([0.9, 0.8], [0.1])
