"""The weights of retrieval's ranking: how they are learned, and the ones that are shipped."""

import json
from pathlib import Path

import numpy as np
import pytest

from infra.training.ranking import PRIOR, Example, ExampleSet, card, fit, judge, prior
from services.retrieval.adapters.ranking_model import RANKING_FILE, RankingModelUnusable, read_ranking_model
from services.retrieval.rules.ranking import FEATURES


def example_set(name: str, telling: str, seed: int, count: int = 40) -> ExampleSet:
    """Queries whose answer is the document with the greatest value of the feature `telling`; all else is noise."""
    random = np.random.default_rng(seed)
    examples = []
    for number in range(count):
        rows = random.random((12, len(FEATURES)))
        best = int(np.argmax(rows[:, FEATURES.index(telling)]))
        relevant = np.arange(12) == best
        examples.append(Example(f"q{number}", rows, [f"d{row}" for row in range(12)], relevant))
    judged = {one.query_id: {one.documents[int(np.argmax(one.relevant))]: 1.0} for one in examples}
    return ExampleSet(name, examples, judged)


def test_the_feature_that_tells_gains_weight() -> None:
    weights = fit([example_set("some", "identifiers", 1), example_set("more", "identifiers", 2)])

    gain = dict(zip(FEATURES, weights - prior(), strict=True))
    assert gain["identifiers"] == max(gain.values()) > 1
    assert (weights >= 0).all()


def test_learning_helps_on_queries_it_has_not_seen() -> None:
    unseen = example_set("unseen", "title", 3)

    learned = judge(unseen, fit([example_set("some", "title", 1), example_set("more", "title", 2)]))

    assert learned["mrr@10"] > judge(unseen, prior())["mrr@10"] + 0.1


def test_without_a_query_to_learn_from_the_weights_stay_what_they_were() -> None:
    assert np.allclose(fit([ExampleSet("empty", [], {})]), prior())


def test_the_same_data_give_the_same_card() -> None:
    sets = [example_set("some", "words", 1), example_set("more", "title", 2)]

    one, other = card(sets), card(sets)

    assert json.dumps(one) == json.dumps(other)
    assert set(one["left_one_set_out"]) == {"some", "more"}
    assert set(one["weights"]) == set(FEATURES)


def test_the_shipped_weights_can_be_read_and_say_where_they_come_from() -> None:
    model = read_ranking_model()
    shipped = json.loads(RANKING_FILE.read_text())

    assert len(model.weights) == len(FEATURES)
    assert min(model.weights) >= 0
    assert shipped["made_by"].startswith("python -m infra.training.ranking")
    assert all(row["licence"] != "-" for row in shipped["trained_on"].values())
    assert set(shipped["left_one_set_out"]) == set(shipped["trained_on"])
    assert set(PRIOR) <= set(FEATURES)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"version": "1", "weights": {"words": "x"}}'])
def test_a_broken_file_of_weights_is_told_plainly(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ranking.json"
    file.write_text(content)

    with pytest.raises(RankingModelUnusable):
        read_ranking_model(file)


def test_weights_of_other_features_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "ranking.json"
    file.write_text('{"version": "1", "weights": {"luck": 1.0}}')

    with pytest.raises(RankingModelUnusable, match="again"):
        read_ranking_model(file)
