"""How likely each word of a claim is unsupported, by a trained model, and what that makes of claims and answers."""

import base64
from collections.abc import Sequence
from functools import cached_property
from math import log
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.validation.rules.alignment import COLUMNS, Aligned, Table
from services.validation.rules.support import Measures
from services.validation.rules.trees import Trees

# A claim whose words nobody looked at is not trusted.
UNREAD = (0.5,)
_CHANCE_MAX = 0.99
_LEAST = 1e-3
_FEW, _MANY = 3, 10


class WordModel(BaseModel):
    """A trained model of words; `trees` read COLUMNS, some measures of the claim, and the projected vector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trees: Trees
    projected: Annotated[int, Field(ge=1, le=200)]
    projection: Annotated[str, Field(max_length=400_000)]

    @model_validator(mode="after")
    def is_consistent(self) -> "WordModel":
        """Raises ValueError where the columns are not those that are served, or the projection has another size."""
        names = self.trees.features
        if names[: len(COLUMNS)] != COLUMNS or len(names) < len(COLUMNS) + self.projected:
            raise ValueError("the columns of words are not those of this version")
        if len(base64.b64decode(self.projection, validate=True)) % (2 * self.projected):
            raise ValueError("the projection must have a row for each projected column")
        return self

    @cached_property
    def matrix(self) -> Table:
        """The projection of a word's vector: dimensions x projected."""
        return read_projection(self.projection, self.projected)

    def unsupported(self, words: Aligned, measures: Measures) -> list[float]:
        """For each word, the probability that its source does not support it."""
        odds = self.trees.table_log_odds(word_table(words, measures, self._measures, self.matrix))
        chances: list[float] = (1.0 / (1.0 + np.exp(-np.clip(odds, -30.0, 30.0)))).tolist()
        return chances

    @cached_property
    def _measures(self) -> tuple[str, ...]:
        return self.trees.features[len(COLUMNS) : -self.projected]


def word_table(words: Aligned, measures: Measures, names: Sequence[str], projection: Table) -> Table:
    """The rows of a claim's words: COLUMNS, the named measures of the claim, and their vectors projected."""
    of_claim = np.array([measures[name] for name in names], dtype=np.float32)
    repeated = np.broadcast_to(of_claim, (len(words.columns), len(names)))
    table: Table = np.concatenate([words.columns, repeated, words.vectors @ projection], axis=1)
    return table


def write_projection(matrix: Table) -> str:
    """A projection as text: half precision in base64."""
    return base64.b64encode(matrix.astype("<f2").tobytes()).decode()


def read_projection(text: str, projected: int) -> Table:
    """What `write_projection` wrote, with `projected` columns."""
    matrix: Table = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f2").astype(np.float32)
    return matrix.reshape(-1, projected)


def word_measures(chances: Sequence[float]) -> Measures:
    """What the words, each unsupported with that chance, make of a claim; `words_joint` as if they were independent."""
    worst = sorted(chances, reverse=True)
    joint = -sum(log(1.0 - min(one, _CHANCE_MAX)) for one in worst)
    return {
        "words_joint": joint,
        "words_log_joint": _log(joint),
        "words_worst": worst[0] if worst else 0.0,
        "words_few_worst": _mean(worst[:_FEW]),
        "words_mean": joint / max(1, len(worst)),
    }


def words_of_answer(claims: Sequence[Sequence[float]]) -> Measures:
    """What the chances of all words, by claim, make of an answer. `suspicion` is the one measure made of the others."""
    worst = sorted((one for chances in claims for one in chances), reverse=True)
    by_claim = sorted((word_measures(chances)["words_joint"] for chances in claims), reverse=True)
    joint, many, two = sum(by_claim), _mean(worst[:_MANY]), _mean(by_claim[:2])
    return {
        "words_log_joint": _log(joint),
        "words_log_many_worst": _log(many),
        "words_log_worst": _log(worst[0] if worst else 0.0),
        "claim_log_worst": _log(by_claim[0]),
        "claims_log_two_worst": _log(two),
        "words_log_mean": _log(joint / max(1, len(worst))),
        "suspicion": (_log(joint) + _log(many) + _log(two)) / 3,
    }


def _log(value: float) -> float:
    return log(value + _LEAST)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
