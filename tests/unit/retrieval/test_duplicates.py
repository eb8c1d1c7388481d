"""Passages that say the same."""

from datetime import UTC, datetime

from services.retrieval.rules.duplicates import collapse_duplicates
from tests.unit.retrieval.found import candidate

STEPS = " ".join(f"Step {number}: press button {number} and wait for lamp {number}." for number in range(20))


def test_of_two_that_say_the_same_one_stays() -> None:
    ranked = [candidate("first", text=STEPS), candidate("copy", text=f"{STEPS} Done."), candidate("other")]

    assert [one.evidence.document_id for one in collapse_duplicates(ranked, 10)] == ["first", "other"]


def test_the_newer_one_stays_in_the_place_and_with_the_score_of_the_better() -> None:
    old = candidate("old", text=STEPS, updated_at=datetime(2020, 1, 1, tzinfo=UTC))
    new = candidate("new", text=f"{STEPS} Done.", updated_at=datetime(2026, 1, 1, tzinfo=UTC))

    kept = collapse_duplicates([old, candidate("other"), new], 10)

    assert [one.evidence.document_id for one in kept] == ["new", "other"]
    assert kept[0].evidence.score == old.evidence.score


def test_what_differs_in_a_tenth_is_not_the_same() -> None:
    changed = STEPS.replace("lamp 7", "siren 7").replace("button 12", "lever 12").replace("lamp 15", "bell 15")

    assert len(collapse_duplicates([candidate("one", text=STEPS), candidate("two", text=changed)], 10)) == 2


def test_short_passages_are_the_same_only_when_equal() -> None:
    ranked = [candidate("one", text="Yes."), candidate("two", text="No."), candidate("three", text="yes.")]

    assert [one.evidence.document_id for one in collapse_duplicates(ranked, 10)] == ["one", "two"]


def test_no_more_than_asked_for_are_kept_and_duplicates_take_no_place() -> None:
    ranked = [candidate("one", text=STEPS), candidate("copy", text=STEPS), candidate("two"), candidate("three")]

    assert [one.evidence.document_id for one in collapse_duplicates(ranked, 2)] == ["one", "two"]
