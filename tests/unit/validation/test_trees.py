"""Trees of plain numbers give the probability that LightGBM would."""

from math import exp
from typing import Any

import pytest

from services.validation.rules.trees import Trees


def trees(**fields: Any) -> Trees:
    """One tree that asks for `a`, then for `b`, and one that is a leaf."""
    values: dict[str, Any] = {
        "features": ("a", "b"),
        "roots": (0, 5),
        "feature": (0, 0, 1, 0, 0, 0),
        "threshold": (1.0, 0.0, 5.0, 0.0, 0.0, 0.0),
        "left": (1, 1, 3, 3, 4, 5),
        "right": (2, 1, 4, 3, 4, 5),
        "value": (0.0, -2.0, 0.0, 1.0, 3.0, 0.5),
        **fields,
    }
    return Trees(**values)


@pytest.mark.parametrize(("a", "b", "odds"), [(1.0, 9.0, -1.5), (2.0, 5.0, 1.5), (2.0, 5.1, 3.5)])
def test_a_row_goes_left_up_to_the_threshold(a: float, b: float, odds: float) -> None:
    [found] = trees().probabilities([{"b": b, "a": a, "more": 7.0}])

    assert found == pytest.approx(1 / (1 + exp(-odds)))


def test_no_rows_give_no_probabilities() -> None:
    assert trees().probabilities([]) == []


@pytest.mark.parametrize("broken", [{"left": (1,)}, {"roots": (9,)}, {"feature": (2, 0, 1, 0, 0, 0)}])
def test_numbers_that_point_nowhere_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="node"):
        trees(**broken)


def test_nodes_in_a_circle_end() -> None:
    assert len(trees(left=(1, 0, 3, 3, 4, 5), right=(2, 0, 4, 3, 4, 5)).probabilities([{"a": 0.0, "b": 0.0}])) == 1
