"""The order of what was found."""

from datetime import UTC, datetime

import numpy as np
import pytest

from services.retrieval.rules.ranking import FEATURES, RankingModel, features, rank
from tests.unit.retrieval.found import EVEN, candidate

TERMS = {"rollback": 4.0, "acme-403": 6.0, "app": 1.0}


def column(name: str, *candidates: object) -> list[float]:
    found = features(candidates, TERMS)[:, FEATURES.index(name)]  # type: ignore[arg-type]
    return [round(float(value), 3) for value in found]


def test_what_both_searches_praise_comes_first() -> None:
    both = candidate("both", lexical=9.0, similarity=0.8, matched="rollback acme-403")
    words = candidate("words", lexical=9.0, similarity=0.2, matched="rollback")
    meaning = candidate("meaning", lexical=0.0, similarity=0.8)

    order = rank([meaning, words, both], TERMS, EVEN)

    assert order[0].evidence.document_id == "both"
    assert [one.evidence.score for one in order] == sorted((one.evidence.score for one in order), reverse=True)
    assert all(0 < one.evidence.score <= 1 for one in order)


def test_nothing_found_gives_nothing() -> None:
    assert rank([], TERMS, EVEN) == []


def test_an_error_code_counts_for_every_passage_of_the_article_that_names_it() -> None:
    names = candidate("codes", matched="acme-403")
    beside = candidate("codes", matched="rollback", start=900)
    other = candidate("other", matched="rollback app")

    assert column("identifiers", names, beside, other) == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("of_unrelated", [0.0, 0.5])
def test_closeness_does_not_depend_on_what_a_model_calls_far(of_unrelated: float) -> None:
    found = [candidate(name, similarity=of_unrelated + near) for name, near in (("a", 0.1), ("b", 0.2), ("c", 0.5))]

    assert column("closeness", *found) == [0.0, 0.25, 1.0]


def test_a_passage_that_was_found_alone_is_as_close_as_can_be() -> None:
    assert column("closeness", candidate("alone", similarity=0.1)) == [1.0]


def test_a_title_that_the_question_names_counts_more_than_a_longer_one_that_holds_the_same_term() -> None:
    short = candidate("short", title="rollback")
    long = candidate("long", title="rollback of one two three four five six")

    assert column("title", short, long)[0] == 1.0 > column("title", short, long)[1]
    assert column("title_asked", short, long) == [1.0, 0.125]


def test_coverage_is_the_share_of_the_question_s_weight() -> None:
    assert column("coverage", candidate("one", matched="rollback app"), candidate("two")) == [0.455, 0.0]


def test_an_article_with_several_good_passages_gains_by_their_company() -> None:
    first, second = candidate("many", lexical=5.0), candidate("many", lexical=4.0, start=500)
    alone = candidate("alone", lexical=6.0)

    many, _, one = column("companions", first, second, alone)

    assert many > one == 0.0


@pytest.mark.parametrize("similarity", [0.0, -0.4, 1.0])
def test_features_are_finite_whatever_was_found(similarity: float) -> None:
    same = [candidate(name, similarity=similarity) for name in "abc"]

    found = features(same, {})

    assert np.isfinite(found).all()
    assert found.shape == (3, len(FEATURES))


def test_between_equals_the_newer_article_comes_first() -> None:
    old = candidate("a-old", lexical=5.0, updated_at=datetime(2019, 1, 1, tzinfo=UTC))
    new = candidate("b-new", lexical=5.0, updated_at=datetime(2026, 1, 1, tzinfo=UTC))
    undated = candidate("c-undated", lexical=5.0)

    assert [one.evidence.document_id for one in rank([old, undated, new], TERMS, EVEN)][-1] == "a-old"


def test_age_does_not_outweigh_a_much_better_match() -> None:
    old = candidate("old", lexical=9.0, similarity=0.9, matched="acme-403", updated_at=datetime(2010, 1, 1, tzinfo=UTC))
    new = candidate("new", lexical=2.0, similarity=0.4, updated_at=datetime(2026, 1, 1, tzinfo=UTC))

    assert rank([new, old], TERMS, EVEN)[0].evidence.document_id == "old"


def test_the_order_does_not_depend_on_the_order_of_arrival() -> None:
    found = [candidate(name, lexical=number % 3, similarity=0.5) for number, name in enumerate("abcdef")]
    model = RankingModel(tuple(0.5 + 0.1 * place for place in range(len(FEATURES))), "some")

    one, other = rank(found, TERMS, model), rank(found[::-1], TERMS, model)

    assert [c.evidence.document_id for c in one] == [c.evidence.document_id for c in other]
