"""Boosted regression trees with plain numbers: what training with LightGBM leaves behind, and all that serving needs.

Gradient boosting as in Ke et al., LightGBM (NIPS 2017). Importing LightGBM itself would cost the service seconds at its
start and 100 MB, for a few thousand comparisons.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

DEPTH_MAX = 64


class Trees(BaseModel):
    """All nodes of all trees in one list. A leaf is its own left and right; `value` counts for leaves.

    At an inner node, a row whose `feature` is at most `threshold` goes left. The sum over the trees, each from its
    root, is the logarithm of the odds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: Annotated[tuple[str, ...], Field(min_length=1, max_length=2_000)]
    roots: Annotated[tuple[int, ...], Field(min_length=1, max_length=5_000)]
    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]

    @model_validator(mode="after")
    def is_consistent(self) -> "Trees":
        """Raises ValueError where lengths differ, or a number points outside."""
        nodes = len(self.value)
        if {len(self.feature), len(self.threshold), len(self.left), len(self.right)} != {nodes}:
            raise ValueError("every node must have a feature, a threshold, a left, a right and a value")
        if not all(0 <= node < nodes for node in (*self.roots, *self.left, *self.right)):
            raise ValueError("a node points outside the trees")
        if not all(0 <= feature < len(self.features) for feature in self.feature):
            raise ValueError("a node asks for a feature that there is not")
        return self

    @cached_property
    def _nodes(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        integers = [np.asarray(one, dtype=np.int64) for one in (self.feature, self.left, self.right)]
        return integers[0], np.asarray(self.threshold, dtype=np.float64), integers[1], integers[2]

    def probabilities(self, rows: Sequence[Mapping[str, float]]) -> list[float]:
        """One probability for each row of features by name.

        Raises:
            KeyError: a row lacks a feature.
        """
        return [1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, odds)))) for odds in self.log_odds(rows)]

    def log_odds(self, rows: Sequence[Mapping[str, float]]) -> list[float]:
        """The logarithm of the odds for each row of features by name.

        Raises:
            KeyError: a row lacks a feature.
        """
        if not rows:
            return []
        table = np.array([[row[name] for name in self.features] for row in rows], dtype=np.float64)
        odds: list[float] = self.table_log_odds(table).tolist()
        return odds

    def table_log_odds(self, table: NDArray[np.floating]) -> NDArray[np.float64]:
        """The logarithm of the odds for each row of a table whose columns are `features`."""
        feature, threshold, left, right = self._nodes
        places = np.broadcast_to(np.asarray(self.roots, dtype=np.int64), (len(table), len(self.roots)))
        lines = np.arange(len(table))[:, None]
        for _ in range(DEPTH_MAX):
            below = np.where(table[lines, feature[places]] <= threshold[places], left[places], right[places])
            if np.array_equal(below, places):
                break
            places = below
        odds: NDArray[np.float64] = np.asarray(self.value, dtype=np.float64)[places].sum(axis=1)
        return odds
