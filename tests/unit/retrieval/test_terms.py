"""Which terms of a question are looked up."""

from services.retrieval.rules.terms import (
    LEADING_POSTINGS_MIN,
    POSTINGS_MAX,
    TERMS_MAX,
    AskedTerm,
    choose_terms,
    leading_terms,
)


def test_a_rare_term_weighs_more_than_a_frequent_one() -> None:
    chosen = choose_terms([AskedTerm("error", 1, 900), AskedTerm("acme-403", 1, 2)], passages=1000)

    assert list(chosen) == ["acme-403", "error"]
    assert chosen["acme-403"] > 5 * chosen["error"]


def test_a_term_asked_again_weighs_more_but_not_twice_as_much_each_time() -> None:
    once, often = (choose_terms([AskedTerm("card", asked, 10)], 1000)["card"] for asked in (1, 9))

    assert once < often < 4 * once


def test_a_term_that_no_passage_holds_is_not_looked_up() -> None:
    assert choose_terms([AskedTerm("unheard", 3, 0)], 1000) == {}


def test_of_a_long_question_only_the_heaviest_terms_are_looked_up() -> None:
    asked = [AskedTerm(f"t{number}", 1, 1 + number) for number in range(500)]

    chosen = choose_terms(asked, 1000)

    assert list(chosen) == [f"t{number}" for number in range(TERMS_MAX)]


def test_however_large_the_corpus_the_work_stays_bounded() -> None:
    asked = [AskedTerm(f"t{number}", 1, POSTINGS_MAX // 3) for number in range(20)]

    assert len(choose_terms(asked, 50 * POSTINGS_MAX)) == 3


def test_the_heaviest_term_is_looked_up_even_where_it_is_everywhere() -> None:
    assert list(choose_terms([AskedTerm("the", 1, 2 * POSTINGS_MAX)], 2 * POSTINGS_MAX)) == ["the"]


def test_the_heaviest_terms_lead_until_enough_passages_hold_them() -> None:
    assert leading_terms([10, LEADING_POSTINGS_MIN, 5 * LEADING_POSTINGS_MIN, 1]) == 2


def test_where_terms_are_rare_all_of_them_lead() -> None:
    assert leading_terms([1, 20, 300]) == 3


def test_a_term_that_is_everywhere_leads_alone() -> None:
    assert leading_terms([2 * LEADING_POSTINGS_MIN, 7]) == 1
