"""What counts as found personal data, on spans small enough to count by hand."""

import pytest

from infra.evaluation.data import DataUnreadable
from infra.evaluation.pii import Tally, gold_spans, matched
from shared.personal_data import PersonalData


def span(start: int, end: int, kind: str = "NAME") -> PersonalData:
    return PersonalData(start, end, kind)


@pytest.mark.parametrize(
    ("found", "right"),
    [
        (span(10, 20), True),
        (span(10, 15), True),
        (span(15, 20), True),
        (span(10, 30), True),
        (span(10, 14), False),
        (span(10, 31), False),
        (span(20, 30), False),
        (span(10, 20, "LOCATION"), False),
    ],
    ids=["same", "half", "other half", "twice", "under half", "over twice", "beside", "other kind"],
)
def test_half_of_what_both_cover_must_be_common(found: PersonalData, right: bool) -> None:
    assert bool(matched([span(10, 20)], [found])) is right


def test_each_span_is_counted_once_and_the_best_fit_wins() -> None:
    gold, found = [span(0, 10), span(10, 20)], [span(0, 20), span(10, 19)]

    assert sorted(matched(gold, found)) == [(0, 0), (1, 1)]
    assert len(matched(gold[:1], [span(0, 10), span(0, 9)])) == 1


def test_the_figures_count_all_texts_together() -> None:
    tally = Tally()
    tally.add([span(0, 10), span(20, 30)], [span(0, 10), span(40, 50, "DATE")])
    tally.add([span(0, 4, "DATE")], [span(0, 4, "DATE")])

    figures = tally.figures()
    assert (figures["precision"], figures["recall"], figures["spans"]) == (0.6667, 0.6667, 3)
    assert tally.kind("NAME") == {"precision": 1.0, "recall": 0.5, "f2": 0.5556, "count": 2}
    assert tally.kind("DATE") == {"precision": 0.5, "recall": 1.0, "f2": 0.8333, "count": 1}


def test_what_is_hidden_under_another_name_is_hidden_all_the_same() -> None:
    tally = Tally()
    tally.add([span(0, 10), span(20, 30, "DATE")], [span(0, 10, "ADDRESS")])

    figures = tally.figures()
    assert (figures["f2"], figures["masked_recall"], figures["masked_precision"]) == (0.0, 0.5, 1.0)
    assert figures["replaced_recall"] == 1.0


def test_nothing_labelled_and_nothing_found_is_no_division_by_nothing() -> None:
    assert Tally().figures()["f2"] == 0.0


def test_the_names_of_the_set_become_ours_and_unknown_ones_stay_to_be_missed() -> None:
    row = {"text": "a" * 50, "spans": [[9, 12, "NRP"], [0, 4, "PERSON"], [5, 8, "GPE"]]}

    assert [one.kind for one in gold_spans(row, "here")] == ["NAME", "LOCATION", "NRP"]


@pytest.mark.parametrize(
    "row",
    [
        {"text": None, "spans": []},
        {"text": "Ann", "spans": None},
        {"text": "Ann", "spans": [[0, 4, "PERSON"]]},
        {"text": "Ann", "spans": [[2, 2, "PERSON"]]},
        {"text": "Ann", "spans": [[-1, 2, "PERSON"]]},
        {"text": "Ann", "spans": [["0", 2, "PERSON"]]},
        {"text": "Ann", "spans": [[0, 2]]},
        {"text": "Ann", "spans": ["PERSON"]},
    ],
)
def test_bad_labels_are_named_with_their_row(row: dict[str, object]) -> None:
    with pytest.raises(DataUnreadable, match="row 7"):
        gold_spans(row, "row 7")
