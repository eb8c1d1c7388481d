"""Supported claims with a word put in its place that does not belong there: more examples of wrong words.

Labelled answers have few wrong words, and most of those are nowhere in the source. Here a word of the claim gives way
to another of its kind (number, name, or the same ending): one of the same source, which is then in the wrong place, or
one of another source. After Kryscinski et al., Evaluating the Factual Consistency of Abstractive Text Summarization
(EMNLP 2020), who swapped names, numbers and dates.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.training.groundedness_data import Example
from services.validation.rules.source import SOURCE_CHARACTERS_MAX
from services.validation.rules.words import WORD, Words, read_words

SHARE = 0.6
_WORDS_MIN = 5
_ENDINGS = ("ing", "ed", "ly", "s")

Bank = dict[str, list[tuple[str, str]]]
"""By kind: words as written, each with its stem."""


@dataclass(frozen=True)
class Swapping:
    """One pass over the answers: where the words come from, and the seed of all choices."""

    elsewhere: bool
    seed: int


PASSES = (Swapping(False, 0), Swapping(False, 1), Swapping(True, 2))


def swapped(examples: Sequence[Example], one_pass: Swapping) -> list[Example]:
    """The answers with a word swapped in about SHARE of their supported claims; `wrong` has the swapped words alone."""
    chance = random.Random(one_pass.seed)
    banks = {source: bank_of(source) for source in dict.fromkeys(one.source for one in examples)}
    sources: dict[str, list[str]] = {}
    for one in examples:
        sources.setdefault(one.of, []).append(one.source)
    found = []
    for one in examples:
        other = chance.choice(sources[one.of]) if one_pass.elsewhere else one.source
        claims, wrong = zip(*_swaps(one, banks[one.source], banks[other], chance), strict=True)
        if any(wrong):
            found.append(replace(one, claims=claims, wrong=wrong))
    return found


def _swaps(one: Example, own: Bank, bank: Bank, chance: random.Random) -> list[tuple[str, frozenset[int]]]:
    known = {stem for pairs in own.values() for _, stem in pairs}
    apart = known if bank is not own else set()
    return [
        _swap(text, known, apart, bank, chance)
        if label is not False and chance.random() < SHARE
        else (text, frozenset())
        for text, label in zip(one.claims, one.claim_labels, strict=True)
    ]


def _swap(text: str, known: set[str], apart: set[str], bank: Bank, chance: random.Random) -> tuple[str, frozenset[int]]:
    """The claim with one of the `known` words swapped, rather a number or a name, for one that is not `apart`."""
    places, words = list(WORD.finditer(text)), read_words(text)
    seen = [place for place, stem in enumerate(words.stems) if stem and stem in known]
    if len(places) < _WORDS_MIN or not seen:
        return text, frozenset()
    chosen = max(seen, key=lambda place: 2 * bool(words.numbers[place]) + words.names[place] + 2 * chance.random())
    fitting = [raw for raw, stem in bank.get(_kind(words, chosen), ()) if stem not in words.stems and stem not in apart]
    if not fitting:
        return text, frozenset()
    return text[: places[chosen].start()] + chance.choice(fitting) + text[places[chosen].end() :], frozenset({chosen})


def bank_of(source: str) -> Bank:
    """The words of a source by kind, but for stop words."""
    text = source[:SOURCE_CHARACTERS_MAX]
    words, bank = read_words(text), Bank()
    for place, match in enumerate(WORD.finditer(text)):
        if words.stems[place]:
            bank.setdefault(_kind(words, place), []).append((match.group(), words.stems[place]))
    return bank


def _kind(words: Words, place: int) -> str:
    if words.numbers[place]:
        return "number"
    if words.names[place]:
        return "name"
    return next((end for end in _ENDINGS if words.lower[place].endswith(end)), "")
