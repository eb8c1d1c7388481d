"""Reads the weights of the ranking, which lie beside this file."""

import json
from pathlib import Path

from services.retrieval.rules.ranking import FEATURES, RankingModel

RANKING_FILE = Path(__file__).parent / "ranking.json"


class RankingModelUnusable(Exception):
    """The file of weights is missing or was made for other features."""


def read_ranking_model(path: Path = RANKING_FILE) -> RankingModel:
    """The weights that `python -m infra.training.ranking` wrote.

    Raises:
        RankingModelUnusable: the file cannot be read, or was made for other features.
    """
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        weights = {str(name): float(weight) for name, weight in card["weights"].items()}
        version = str(card["version"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise RankingModelUnusable(f"{path} holds no ranking: {error}") from error
    if set(weights) != set(FEATURES):
        raise RankingModelUnusable(f"{path} is for other features: run `python -m infra.training.ranking` again")
    return RankingModel(tuple(weights[name] for name in FEATURES), version)
