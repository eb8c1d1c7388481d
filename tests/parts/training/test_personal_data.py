"""Training the tagger: made sentences say what is where, and the model learns from them, the same every time."""

from random import Random

import numpy as np
import pytest

from infra.training.made_sentences import SLOT_KINDS, LabelledText, SentenceMaker
from infra.training.personal_data import KINDS, LABELS, fit, found_by, tagged, template_of
from infra.training.sequence_model import Course, TaggedText, _expected, possible, train
from shared.personal_data import PersonalData

SHORT = Course(passes=2)


@pytest.fixture(scope="module")
def made() -> list[LabelledText]:
    return SentenceMaker(Random(7)).sentences(400)


def test_made_spans_are_where_they_say(made: list[LabelledText]) -> None:
    sentence = SentenceMaker(Random(1)).filled("I am {NAME}, call {PHONE}.")
    name, phone = sentence.spans

    assert sentence.text == (
        f"I am {sentence.text[name.start : name.end]}, call {sentence.text[phone.start : phone.end]}."
    )
    assert (name.kind, phone.kind) == ("NAME", "PHONE")
    for one in made:
        assert "{" not in one.text
        assert all(0 <= span.start < span.end <= len(one.text) for span in one.spans)


def test_every_slot_can_be_filled_and_learned() -> None:
    maker = SentenceMaker(Random(1))

    assert all(maker.filled(f"{{{slot}}}").text for slot in SLOT_KINDS)
    assert set(SLOT_KINDS.values()) == set(KINDS)


def test_labels_begin_with_the_first_word_and_leave_patterns_out() -> None:
    text = "I am Ann Weber, a@b.example"
    learned = tagged(LabelledText(text, [PersonalData(5, 14, "NAME"), PersonalData(16, 27, "NAME")]))

    assert [LABELS[label] for label in learned.labels] == ["O", "O", "B-NAME", "I-NAME", "O", "O"]


def test_twins_of_a_template_share_it() -> None:
    twins = [
        LabelledText("Hi, I am Ann.", [PersonalData(9, 12, "NAME")]),
        LabelledText("hi I am Bob Stone!", [PersonalData(8, 17, "NAME")]),
    ]

    assert len({template_of(one) for one in twins}) == 1
    assert template_of(LabelledText("Hi, I am ill.", [])) != template_of(twins[0])


def test_the_model_learns_and_is_the_same_every_time(made: list[LabelledText]) -> None:
    texts = [tagged(one) for one in made]
    first, second = (train(texts, LABELS, SHORT) for _ in range(2))
    text = "My name is Ulrike Zimmermann."

    assert np.array_equal(first.weights, second.weights)
    assert np.array_equal(first.transitions, second.transitions)
    assert [(one.kind, text[one.start : one.end]) for one in found_by(first, text)] == [("NAME", "Ulrike Zimmermann")]


def test_a_span_is_never_continued_by_another_kind() -> None:
    may = dict(zip([*LABELS, ""], possible(LABELS), strict=True))

    assert may["B-NAME"][LABELS.index("I-NAME")]
    assert not may["B-NAME"][LABELS.index("I-DATE")]
    assert not may["O"][LABELS.index("I-NAME")]
    assert not may[""][LABELS.index("I-NAME")]


def test_expected_counts_are_those_of_all_ways_added_up() -> None:
    """Two words, two labels: four ways, written out."""
    potentials = np.array([[[2.0, 1.0], [3.0, 5.0]]])
    pairs, first = np.array([[1.0, 4.0], [2.0, 1.0]]), np.array([1.0, 3.0])
    ways = {(a, b): first[a] * potentials[0, 0, a] * pairs[a, b] * potentials[0, 1, b] for a in (0, 1) for b in (0, 1)}
    whole = sum(ways.values())
    expected, counts = _expected(potentials, np.ones((1, 2), dtype=bool), np.vstack([pairs, first]))

    assert expected[0, 0, 1] == pytest.approx((ways[1, 0] + ways[1, 1]) / whole)
    assert expected[0, 1, 0] == pytest.approx((ways[0, 0] + ways[1, 0]) / whole)
    assert counts[0, 1] == pytest.approx(ways[0, 1] / whole)


def test_padding_counts_for_nothing() -> None:
    chain = np.ones((3, 2))
    potentials = np.array([[[2.0, 1.0], [9.0, 9.0]], [[2.0, 1.0], [1.0, 3.0]]])
    valid = np.array([[True, False], [True, True]])
    _, with_padding = _expected(potentials, valid, chain)
    _, alone = _expected(potentials[1:], valid[1:], chain)

    assert with_padding[:-1] == pytest.approx(alone[:-1])


def test_values_of_the_labelled_set_are_used_too() -> None:
    labelled = [LabelledText("Zyxwv lives here.", [PersonalData(0, 5, "NAME")])] * 3
    tagger = fit(
        labelled, [TaggedText(one.ids, one.labels) for one in map(tagged, labelled)], Course(passes=1), made=50
    )

    assert tagger.labels == LABELS
