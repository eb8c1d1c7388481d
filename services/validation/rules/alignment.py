"""Lays each word of a statement beside the words of its source, by what a language model makes of it in its context.

Words are compared as in BERTScore (Zhang et al., ICLR 2020): by the cosine of their contextual vectors, each with the
most alike. What BERTScore does not ask is whether words that stand together in the statement stand together in the
source too: "sentenced to 24 months" is wrong where one sentence has the 24 months and another the sentencing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.validation.rules.source import RARITY_MIN, Rarity, Source
from services.validation.rules.words import WORD, Words, read_words

Table = NDArray[np.float32]
ReadTokens = Callable[[Sequence[str]], Sequence[tuple[Table, NDArray[np.int64]]]]
"""Gives for each text its tokens' states (tokens x dimensions) and their places in it (tokens x 2, characters)."""

NEAR_OF_A_CLAIM, NEAR_OF_ALL = 4, 24
# Of one claim, and of all together: the states of each cost time.
WORDS_OF_A_CLAIM, WORDS_OF_ALL = 150, 1_500
_CONTEXTS = (3, 6)
_UNKNOWN = -1.0
_FAR = 10

_OF_CONTEXT = ("alike", "alike_context", "same", "alike_of_same", "same_of_same", "same_context")
_OF_NEIGHBOUR = ("alike", "together", "same_together", "same_place", "apart")
COLUMNS: tuple[str, ...] = (
    "w_rarity",
    "w_name",
    "w_number",
    "w_seen",
    "w_seen_near",
    "w_alike",
    *(f"w_{name}_{reach}" for reach in _CONTEXTS for name in _OF_CONTEXT),
    *("w_alike_rest", "w_same_rest", "w_rest"),
    *("w_alike_two", "w_alike_best", "w_pull", "w_to_source", "w_to_claim", "w_claim_alike", "w_alike_itself"),
    *("w_around_2", "w_around_1", "w_before", "w_after"),
    *(f"w_{side}_{name}" for side in ("previous", "next") for name in _OF_NEIGHBOUR),
    *("w_pair_before", "w_pair_after"),
    *("w_place", "w_claim_place", "w_claim_words", "w_claims", "w_claim_mean", "w_claim_least", "w_beside_mean"),
    *("w_source_sentences", "w_letters", "w_ing", "w_ly", "w_ed", "w_claim_same", "w_claim_best", "w_claim_best_same"),
)


@dataclass(frozen=True)
class Aligned:
    """The content words of one claim: their places among its words, their COLUMNS, and their vectors of length one."""

    places: NDArray[np.int64]
    columns: Table
    vectors: Table


@dataclass(frozen=True)
class _Read:
    """A sentence's words with their states, as they are and of length one, and the mean of its tokens, likewise."""

    words: Words
    states: Table
    vectors: Table
    mean: Table
    direction: Table


def align(claims: Sequence[tuple[str, Source]], rarity: Rarity, tokens: ReadTokens) -> list[Aligned | None]:
    """For each claim, with the source that it cites: its content words beside the nearest sentences of that source.

    None where nothing is to be compared: the source has the claim word for word, shares no word with it, or the claims
    before have used up WORDS_OF_ALL.
    """
    found: list[Aligned | None] = [None] * len(claims)
    said = [read_words(text) for text, _ in claims]
    open_claims = _worth_reading(claims, said)
    states = iter(_read([claims[index][0] for index in open_claims], tokens))
    read = {index: next(states) for index in open_claims}
    for source in {id(claims[index][1]): claims[index][1] for index in open_claims}.values():
        of_source = [index for index in open_claims if claims[index][1] is source]
        near = _nearest([said[index] for index in of_source], source, rarity)
        beside = _Beside(source, near, _read([source.sentences[one] for one in near], tokens))
        for index in of_source:
            if beside.vectors.size and any(read[index].words.stems):
                found[index] = _aligned(read[index], beside, rarity, index / len(claims), len(claims))
    return found


def _worth_reading(claims: Sequence[tuple[str, Source]], said: Sequence[Words]) -> list[int]:
    chosen, total = [], 0
    for index, ((_, source), words) in enumerate(zip(claims, said, strict=True)):
        if f" {' '.join(words.lower)} " in source.flat or total >= WORDS_OF_ALL:
            continue
        total += min(len(words.lower), WORDS_OF_A_CLAIM)
        chosen.append(index)
    return chosen


def _nearest(said: Sequence[Words], source: Source, rarity: Rarity) -> list[int]:
    """The sentences nearest to any of the claims, in their order; every claim's nearest before any claim's second."""
    by_claim = [source.nearest(set(words.stems) - {""}, rarity)[:NEAR_OF_A_CLAIM] for words in said]
    ranked = [one[place] for place in range(NEAR_OF_A_CLAIM) for one in by_claim if place < len(one)]
    return sorted(list(dict.fromkeys(ranked))[:NEAR_OF_ALL]) or [0]


def _read(texts: Sequence[str], tokens: ReadTokens) -> list[_Read]:
    found = []
    for text, (states, places) in zip(texts, tokens(texts) if texts else (), strict=True):
        words = read_words(text)
        spans = np.array([match.span() for match in WORD.finditer(text)][:WORDS_OF_A_CLAIM], dtype=np.int64)
        spans = spans.reshape(-1, 2)
        count = len(spans)
        word = np.searchsorted(spans[:, 0], places[:, 0], side="right") - 1
        inside = (word >= 0) & (places[:, 1] > places[:, 0])
        inside[inside] = places[inside, 0] < spans[word[inside], 1]
        sums = np.zeros((count, states.shape[1]), dtype=np.float32)
        np.add.at(sums, word[inside], states[inside])
        pieces = np.bincount(word[inside], minlength=count).astype(np.float32)[:count]
        own = (sums / np.maximum(pieces, 1.0)[:, None]).astype(np.float32)
        mean: Table = states.mean(axis=0)
        cut = Words(words.lower[:count], words.stems[:count], words.numbers[:count], words.names[:count])
        found.append(_Read(cut, own, _unit(own), mean, _unit(mean)))
    return found


def _unit(vectors: Table) -> Table:
    unit: Table = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32(1e-9))
    return unit


class _Beside:
    """The sentences of a source that claims are laid beside, word after word in one list."""

    def __init__(self, source: Source, near: Sequence[int], read: Sequence[_Read]) -> None:
        pairs = [(index, one) for index, one in zip(near, read, strict=True) if len(one.vectors)]
        self.source = source
        self.stems = [source.stems[index] for index, _ in pairs]
        lengths = [len(one.vectors) for _, one in pairs]
        width = read[0].vectors.shape[1]
        empty = np.zeros((0, width), dtype=np.float32)
        self.vectors: Table = np.concatenate([empty, *(one.vectors for _, one in pairs)])
        self.directions: Table = np.array([one.direction for _, one in pairs], dtype=np.float32).reshape(-1, width)
        self.starts = np.cumsum([0, *lengths])[:-1]
        self.word_stems = np.array([stem for _, one in pairs for stem in one.words.stems])
        self.sentence = np.repeat(np.arange(len(pairs)), lengths)
        self.place = np.concatenate([np.arange(0), *(np.arange(length) for length in lengths)])


def _aligned(claim: _Read, beside: _Beside, rarity: Rarity, place: float, claims: int) -> Aligned:
    words = claim.words
    content = np.array([index for index, stem in enumerate(words.stems) if stem], dtype=np.int64)
    weight = np.array([rarity(stem) if stem else RARITY_MIN for stem in words.stems], dtype=np.float32)
    every = claim.vectors @ beside.vectors.T
    alike: Table = np.maximum.reduceat(every, beside.starts, axis=1)
    same = np.array([[bool(stem) and stem in one for one in beside.stems] for stem in words.stems], dtype=np.float32)
    parts = (
        _own(words, weight, same, alike, beside.source),
        *(_in_context(_band(len(weight), reach), weight, alike, same) for reach in _CONTEXTS),
        _beside_rest(weight, alike, same),
        _towards(claim, every, alike, weight, beside),
        _around(every.max(axis=1)),
        _neighbours(content, every, alike, same, beside),
        _pairs(words, beside.source),
        _setting(words, every, alike, same, weight, beside, place, claims),
    )
    columns = np.concatenate([part[content] for part in parts], axis=1).astype(np.float32)
    return Aligned(content, columns, claim.vectors[content])


def _own(words: Words, weight: Table, same: Table, alike: Table, source: Source) -> Table:
    seen = [stem in source.where for stem in words.stems]
    numbers = [bool(value) for value in words.numbers]
    return _columns(weight, words.names, numbers, seen, same.max(axis=1), alike.max(axis=1))


def _columns(*values: object) -> Table:
    table: Table = np.stack([np.asarray(value, dtype=np.float32) for value in values], axis=1)
    return table


def _band(length: int, reach: int) -> Table:
    """Which words stand within `reach` of each, itself left out."""
    apart = np.abs(np.arange(length)[:, None] - np.arange(length)[None, :])
    within: Table = ((apart <= reach) & (apart > 0)).astype(np.float32)
    return within


def _in_context(band: Table, weight: Table, alike: Table, same: Table) -> Table:
    """Whether the sentence that has the words around has this one too: by likeness, then by equal stems."""
    line = np.arange(len(weight))
    total = np.maximum(band @ weight, np.float32(1e-6))
    by_likeness, by_stem = band @ (alike * weight[:, None]), band @ (same * weight[:, None])
    one, two = by_likeness.argmax(axis=1), by_stem.argmax(axis=1)
    return _columns(
        *(alike[line, one], by_likeness[line, one] / total, same[line, one]),
        *(alike[line, two], same[line, two], by_stem[line, two] / total),
    )


def _beside_rest(weight: Table, alike: Table, same: Table) -> Table:
    """The same for all other words of the claim as the context."""
    line, weighed = np.arange(len(weight)), alike * weight[:, None]
    rest = weighed.sum(axis=0) - weighed
    best = rest.argmax(axis=1)
    total = np.maximum(weight.sum() - weight, np.float32(1e-6))
    return _columns(alike[line, best], same[line, best], rest[line, best] / total)


def _towards(claim: _Read, every: Table, alike: Table, weight: Table, beside: _Beside) -> Table:
    """Likeness in the best sentences, and whether the word pulls the claim towards the best one or away from it."""
    two = np.argsort(-(alike * weight[:, None]).sum(axis=0), kind="stable")[:2]
    near = beside.directions @ claim.direction
    best = int(near.argmax())
    to_source, to_claim = claim.states @ beside.directions[best], claim.states @ claim.direction
    itself = [
        row[beside.word_stems == stem].max(initial=_UNKNOWN) if stem else _UNKNOWN
        for row, stem in zip(every, claim.words.stems, strict=True)
    ]
    near_best = np.full(len(weight), near[best])
    return _columns(
        alike[:, two].max(axis=1), alike[:, best], to_source - to_claim, to_source, to_claim, near_best, itself
    )


def _around(most: Table) -> Table:
    """The mean likeness of the words around, and that of the word before and after."""
    means = []
    for reach in (2, 1):
        band = _band(len(most), reach)
        count = band.sum(axis=1)
        means.append(np.where(count > 0, band @ most / np.maximum(count, 1), 1.0))
    one = np.ones(1, dtype=np.float32)
    return _columns(*means, np.concatenate([one, most[:-1]]), np.concatenate([most[1:], one]))


def _neighbours(content: NDArray[np.int64], every: Table, alike: Table, same: Table, beside: _Beside) -> Table:
    """Whether the content word before, and the one after, stand beside this one in the source."""
    most, where = every.max(axis=1), every.argmax(axis=1)
    found = np.ones((len(most), 2 * len(_OF_NEIGHBOUR)), dtype=np.float32)
    for first, (left, right) in ((0, (content[1:], content[:-1])), (len(_OF_NEIGHBOUR), (content[:-1], content[1:]))):
        here, there = where[left], where[right]
        level = beside.sentence[here] == beside.sentence[there]
        apart = np.abs(beside.place[here] - beside.place[there])
        found[left, first : first + len(_OF_NEIGHBOUR)] = _columns(
            most[right],
            np.minimum(alike[left], alike[right]).max(axis=1, initial=_UNKNOWN),
            (same[left] * same[right]).sum(axis=1) > 0,
            level,
            np.where(level, np.minimum(apart, _FAR), _FAR + 1),
        )
    return found


def _pairs(words: Words, source: Source) -> Table:
    follows = [pair in source.pairs for pair in zip(words.lower, words.lower[1:], strict=False)]
    return _columns([True, *follows], [*follows, True])


def _setting(
    words: Words,
    every: Table,
    alike: Table,
    same: Table,
    weight: Table,
    beside: _Beside,
    place: float,
    claims: int,
) -> Table:
    count, most, total = len(weight), every.max(axis=1), weight.sum()
    mean, least = float(most.mean()), float(most.min())
    of_claim = (
        *(place, count, claims, mean, least),
        len(beside.source.sentences),
        float((same.max(axis=1) * weight).sum() / total),
        float((alike * weight[:, None]).sum(axis=0).max() / total),
        float((same * weight[:, None]).sum(axis=0).max() / total),
    )
    where, long, many, average, lowest, sentences, shared, best, best_same = (np.full(count, one) for one in of_claim)
    endings = [[word.endswith(end) for word in words.lower] for end in ("ing", "ly", "ed")]
    letters = [len(word) for word in words.lower]
    return _columns(
        *(np.arange(count) / count, where, long, many, average, lowest, most - mean),
        *(sentences, letters, *endings, shared, best, best_same),
    )
