"""Words as an engine indexes them, and what a passage scores for those asked for."""

from services.retrieval.rules.words import ASKED_MAX, asked_words, bm25, index_words


def test_a_word_of_parts_is_found_whole_and_by_its_parts() -> None:
    words = index_words("Error ACME-403 in node.js")

    assert {"acme-403", "403", "error"} <= set(words)
    assert set(index_words("acme 403")) <= set(words)


def test_plural_and_verb_forms_meet_and_white_space_stays_out() -> None:
    assert index_words("invoices refunded") == index_words("invoice refunding")
    assert all(len(word.split()) == 1 for word in index_words("a\u00a0strange\u2003kind of\twhite space"))


def test_no_word_is_longer_than_the_engine_keeps_whole() -> None:
    assert [len(word) for word in index_words("x" * 100_000)] == [100]


def test_a_question_asks_for_a_bounded_number_of_words() -> None:
    assert asked_words("release the release of Release 7") == {"releas": 3, "7": 1}
    assert len(asked_words(" ".join(f"word{number}" for number in range(1_000)))) == ASKED_MAX


def test_a_passage_scores_by_the_rare_words_it_holds_and_less_when_it_is_long() -> None:
    weights = {"rare": 4.0, "common": 0.5}
    short, long = ["rare", "x"], ["rare", *["x"] * 50]

    assert bm25(short, weights, 10.0) > bm25(long, weights, 10.0) > bm25(["common"], weights, 10.0) > 0
    assert bm25(["x"], weights, 10.0) == 0
    assert bm25([*short, "rare"], weights, 10.0) < 2 * bm25(short, weights, 10.0)
