"""What LightGBM learned, as the plain numbers that serving needs."""

from collections.abc import Sequence
from typing import Any

import lightgbm

from services.validation.rules.trees import Trees


def plain_trees(booster: lightgbm.Booster, names: Sequence[str]) -> Trees:
    """The trees of a binary classifier whose columns are called `names`."""
    return mean_trees([booster], names)


def mean_trees(boosters: Sequence[lightgbm.Booster], names: Sequence[str]) -> Trees:
    """The mean of the log odds of several such classifiers, as the trees of one."""
    nodes: list[tuple[int, float, int, int, float]] = []
    every = [tree["tree_structure"] for booster in boosters for tree in booster.dump_model()["tree_info"]]
    roots = [_grow(tree, nodes, 1.0 / len(boosters)) for tree in every]
    feature, threshold, left, right, value = zip(*nodes, strict=True)
    return Trees(
        features=tuple(names),
        roots=tuple(roots),
        feature=feature,
        threshold=threshold,
        left=left,
        right=right,
        value=value,
    )


def _grow(node: dict[str, Any], nodes: list[tuple[int, float, int, int, float]], share: float) -> int:
    """Appends a node and all below it, leaves by their `share`, and gives its place."""
    place = len(nodes)
    if "split_index" not in node:
        nodes.append((0, 0.0, place, place, share * node["leaf_value"]))
        return place
    nodes.append((0, 0.0, place, place, 0.0))
    left, right = _grow(node["left_child"], nodes, share), _grow(node["right_child"], nodes, share)
    nodes[place] = (node["split_feature"], node["threshold"], left, right, 0.0)
    return place
