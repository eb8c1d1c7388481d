"""How far claims, and an answer as a whole, follow from what they cite, by a trained model."""

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from services.validation.rules.alignment import Aligned, ReadTokens, align
from services.validation.rules.claims import SUPPORTED_FROM
from services.validation.rules.source import Rarity, Source
from services.validation.rules.support import Measures, measure, statement
from services.validation.rules.trees import Trees
from services.validation.rules.wording import UNREAD, WordModel, word_measures, words_of_answer
from services.validation.rules.words import read_words

QUESTION_CHARACTERS_MAX = 2_000
_LAST = ("overlap", "overlap_rare", "overlap_best", "unseen", "unseen_1", "unseen_kinds", "coverage", "names_unseen")
_WEAK_BELOW = 0.5
_LEAST = 1e-3
# The table of rarities has one byte for each bucket: this many steps to one logarithm.
RARITY_STEPS = 20
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]


@dataclass(frozen=True)
class Grounding:
    """How far each claim, and the answer as a whole, follows from its source: probabilities, 0 to 1."""

    claims: tuple[float, ...]
    answer: float


def stems_asked(question: str) -> frozenset[str]:
    """The stems of the last QUESTION_CHARACTERS_MAX characters: in a conversation the last turn asks."""
    return frozenset(read_words(question[-QUESTION_CHARACTERS_MAX:]).stems) - {""}


def claim_measures(claims: Sequence[tuple[str, Source]], asked: Collection[str], rarity: Rarity) -> list[Measures]:
    """For each claim, with the source that it cites: its measures, and its place in the answer."""
    return [
        {
            **measure(statement(text, source, asked, rarity)),
            "position": place / len(claims),
            "claims": float(len(claims)),
            **_setting(source, asked),
        }
        for place, (text, source) in enumerate(claims)
    ]


def with_words(measures: Measures, chances: Sequence[float]) -> Measures:
    """The measures of a claim and what its words make of it."""
    return {**measures, **word_measures(chances)}


def answer_measures(
    whole: Measures, claims: Sequence[Measures], support: Sequence[float], words: Sequence[Sequence[float]]
) -> Measures:
    """A row for the model of answers: the answer's own measures, its last claim's, and what was made of all claims.

    Args:
        whole: as `whole_measures` gives them.
        claims: as `claim_measures` gives them.
        support: of each claim (at least one), the probability that the model of claims gave it.
        words: by claim, the chance of each word that it is unsupported.
    """
    low, said = sorted(support), words_of_answer(words)
    return {
        "support_lowest": low[0],
        "support_two_lowest": sum(low[:2]) / len(low[:2]),
        "support_mean": sum(low) / len(low),
        "support_weak": sum(one < _WEAK_BELOW for one in low) / len(low),
        "support_joint": sum(log(max(one, _LEAST)) for one in low),
        "support_first": support[0],
        "support_last": support[-1],
        **{f"last_{name}": claims[-1][name] for name in _LAST},
        "claims": float(len(claims)),
        **whole,
        **said,
        # What the words say and what the worst claim says, each a logarithm, count the same.
        "doubt": (said["suspicion"] + log(1.0 - low[0] + _LEAST)) / 2,
    }


def whole_measures(text: str, source: Source, asked: Collection[str], rarity: Rarity) -> Measures:
    """The measures of a whole answer beside all that it cites."""
    return {
        **measure(statement(text, source, asked, rarity)),
        "length_ratio": len(text) / max(1, len(source.text)),
        **_setting(source, asked),
    }


def _setting(source: Source, asked: Collection[str]) -> Measures:
    return {
        "source_words": float(source.length),
        "source_sentences": float(len(source.sentences)),
        "question_words": float(len(asked)),
    }


class Blend(BaseModel):
    """Trees, and beside them one measure of suspicion: the more above `centre`, the lower the odds, by `weight`.

    The trees have seen few hundred long answers. That suspicion counts whatever else they make of an answer was worth
    .03 of AUROC on answers to questions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trees: Trees
    suspicion: Annotated[str, Field(max_length=100)]
    weight: Annotated[float, Field(ge=0.0, le=10.0)]
    centre: float

    def probabilities(self, rows: Sequence[Measures]) -> list[float]:
        """One probability for each row of measures."""
        odds = self.trees.log_odds(rows)
        return [
            _chance(one - self.weight * (row[self.suspicion] - self.centre))
            for one, row in zip(odds, rows, strict=True)
        ]


def _chance(odds: float) -> float:
    return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, odds))))


class SupportWeights(BaseModel):
    """A trained model of support with plain numbers; `infra.training.groundedness` writes it.

    `words` judges each word of a claim, `claims` one claim beside what it cites, `answers` the whole from its own
    measures and those of its claims and words. `rarity` is the table behind `Rarity` in base64; the thresholds are
    where supported begins. Below `doubtful_below` an answer is worth a person's look: at most one in twenty of the
    sound ones is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(max_length=100)]
    words: WordModel
    claims: Blend
    answers: Blend
    rarity: Annotated[str, Field(max_length=100_000)]
    claim_threshold: Probability
    answer_threshold: Probability
    doubtful_below: Probability

    @cached_property
    def rarities(self) -> Rarity:
        """The rarity of words, as at training."""
        table = np.frombuffer(base64.b64decode(self.rarity, validate=True), dtype=np.uint8)
        return Rarity(table / RARITY_STEPS)


def word_chances(
    model: WordModel, measures: Sequence[Measures], read: Sequence[Aligned | None]
) -> list[Sequence[float]]:
    """For each claim, the chance of each of its content words that the source does not support it."""
    found: list[Sequence[float]] = []
    for one, aligned in zip(measures, read, strict=True):
        if aligned is not None:
            found.append(model.unsupported(aligned, one))
        else:
            found.append(() if one["verbatim"] else UNREAD)
    return found


@dataclass(frozen=True)
class SupportModel:
    """The trained model of support with what reads tokens for it."""

    weights: SupportWeights
    tokens: ReadTokens

    @property
    def version(self) -> str:
        """What the weights are called."""
        return self.weights.version

    @property
    def answer_threshold(self) -> float:
        """From where on an answer counts as grounded."""
        return self.weights.answer_threshold

    @property
    def doubtful_below(self) -> float:
        """See `SupportWeights`."""
        return self.weights.doubtful_below

    def scaled(self, chance: float) -> float:
        """A claim's probability on the scale of `ClaimVerdict.support`: the threshold becomes SUPPORTED_FROM."""
        limit = self.weights.claim_threshold
        if chance < limit:
            return SUPPORTED_FROM * chance / limit
        return SUPPORTED_FROM + (1.0 - SUPPORTED_FROM) * (chance - limit) / (1.0 - limit)

    def ground(self, question: str, claims: Sequence[tuple[str, Source]], text: str, source: Source) -> Grounding:
        """How far each claim follows from its own source, and `text` as a whole from `source`; at least one claim."""
        weights, asked = self.weights, stems_asked(question)
        measures = claim_measures(claims, asked, weights.rarities)
        words = word_chances(weights.words, measures, align(claims, weights.rarities, self.tokens))
        rows = [with_words(*pair) for pair in zip(measures, words, strict=True)]
        support = weights.claims.probabilities(rows)
        whole = whole_measures(text, source, asked, weights.rarities)
        row = answer_measures(whole, rows, support, words)
        return Grounding(tuple(support), weights.answers.probabilities([row])[0])
