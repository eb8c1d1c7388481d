"""Measures how a statement stands to its source; a trained model makes a probability of the measures."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import pstdev

from services.validation.rules.source import Rarity, Source
from services.validation.rules.words import (
    ABOUT_SOURCES,
    ABSOLUTE,
    CONCLUSION,
    HEDGE,
    NEGATION,
    OPPOSITES,
    Words,
    read_words,
)

Measures = dict[str, float]
_KEY_STEMS_MAX = 8
_ALIGNED_WORDS_MAX = 80


@dataclass(frozen=True)
class Statement:
    """A statement with its source: `near` are the source's sentences that share most, `asked` the question's stems."""

    text: str
    words: Words
    stems: Sequence[str]
    source: Source
    near: Sequence[int]
    asked: Collection[str]
    rarity: Rarity


def statement(text: str, source: Source, asked: Collection[str], rarity: Rarity) -> Statement:
    """Reads one statement of an answer, or the whole answer."""
    words = read_words(text)
    stems = [one for one in words.stems if one]
    return Statement(text, words, stems, source, source.nearest(set(stems), rarity), asked, rarity)


def measure(one: Statement) -> Measures:
    """Named measures of one statement, always the same names in the same order; every value is finite."""
    return {
        "words": float(len(one.words.lower)),
        "content_words": float(len(one.stems)),
        **_overlap(one),
        **_runs(one),
        **_facts(one),
        **_unseen(one),
        **_asked(one),
        **_sense(one),
        **_place(one),
    }


def _share(stems: Sequence[str], inside: Collection[str], rarity: Rarity) -> float:
    total = sum(rarity(stem) for stem in stems)
    return sum(rarity(stem) for stem in stems if stem in inside) / total if total else 0.0


def _overlap(one: Statement) -> Measures:
    """Shares of the statement's words, plain and by rarity, in the source, its best sentence, and the best together."""
    source, best = one.source, _best(one)
    beside = [source.stems[k] | source.stems[best] for k in (best - 1, best + 1) if 0 <= k < len(source.stems)]
    three: frozenset[str] = frozenset().union(*(source.stems[index] for index in one.near[:3]))
    inside = source.stems[best]
    return {
        "overlap": sum(stem in source.where for stem in one.stems) / max(1, len(one.stems)),
        "overlap_rare": _share(one.stems, source.where, one.rarity),
        "overlap_best": _share(one.stems, inside, one.rarity),
        "overlap_beside": max((_share(one.stems, both, one.rarity) for both in beside), default=0.0),
        "overlap_three": _share(one.stems, three, one.rarity),
        "best_used": len(set(one.stems) & inside) / max(1, len(inside)),
    }


def _best(one: Statement) -> int:
    return one.near[0] if one.near else 0


def _runs(one: Statement) -> Measures:
    """How much was taken over in a row: coverage and density as in Grusky et al., Newsroom (NAACL 2018)."""
    lower, source = one.words.lower, one.source
    runs = [1]
    for pair in pairwise(lower):
        if pair in source.pairs:
            runs[-1] += 1
        else:
            runs.append(1)
    length = max(1, len(lower))
    triples = list(zip(lower, lower[1:], lower[2:], strict=False))
    aligned = _common_subsequence(lower[:_ALIGNED_WORDS_MAX], source.words[_best(one)].lower[: 2 * _ALIGNED_WORDS_MAX])
    return {
        "pairs": sum(pair in source.pairs for pair in pairwise(lower)) / max(1, len(lower) - 1),
        "triples": sum(triple in source.triples for triple in triples) / max(1, len(triples)),
        "density": sum(run * run for run in runs) / length,
        "coverage": sum(run for run in runs if run > 1) / length,
        "longest_run": float(max(runs)),
        "longest_run_share": max(runs) / length,
        "aligned": aligned / max(1, min(_ALIGNED_WORDS_MAX, len(lower))),
        "verbatim": float(f" {' '.join(lower)} " in source.flat),
    }


def _common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    before = [0] * (len(right) + 1)
    for word in left:
        row = [0]
        for column, other in enumerate(right):
            row.append(before[column] + 1 if word == other else max(before[column + 1], row[column]))
        before = row
    return before[-1]


def _facts(one: Statement) -> Measures:
    """Numbers and names: how many, and how many of them the source, or its nearest sentences, do not have."""
    words, source = one.words, one.source
    numbers = [value for value in words.numbers if value]
    digits = [value for value, word in zip(words.numbers, words.lower, strict=True) if value and word[0].isdigit()]
    near = {value for index in one.near[:2] for value in source.words[index].numbers}
    names = [(stem, word) for stem, word, name in zip(words.stems, words.lower, words.names, strict=True) if name]
    best = _best(one)
    inside = source.stems[best].union(source.words[best].lower)
    unseen = [pair for pair in names if pair[0] not in source.where and pair[1] not in source.lower]
    return {
        "numbers": float(len(numbers)),
        "numbers_unseen": float(sum(value not in source.numbers for value in digits)),
        "number_words_unseen": float(sum(value not in source.numbers for value in numbers)),
        "numbers_elsewhere": float(sum(value not in near for value in digits)),
        "names": float(len(names)),
        "names_unseen": float(len(unseen)),
        "names_unasked": float(sum(stem not in one.asked for stem, _ in unseen)),
        "names_elsewhere": float(sum(stem not in inside and word not in inside for stem, word in names)),
    }


def _unseen(one: Statement) -> Measures:
    """Words that the source does not have, the rarest first."""
    source = one.source
    unseen = [stem for stem in one.stems if stem not in source.where]
    rarest = sorted((one.rarity(stem) for stem in unseen), reverse=True)
    strange = [stem for stem in set(unseen) if not (len(stem) >= 5 and stem[:4] in source.beginnings)]
    distinct = set(one.words.lower)
    novel = [float(word not in source.lower) for word in one.words.lower]
    return {
        "unseen": float(len(unseen)),
        "unseen_rarity": sum(rarest),
        **{f"unseen_{place + 1}": rarest[place] if place < len(rarest) else 0.0 for place in range(3)},
        "unseen_strange": float(len(strange)),
        "unseen_kinds": len(distinct - source.lower) / max(1, len(distinct)),
        "unseen_end": _mean(novel[-30:]),
        "unseen_start": _mean(novel[:30]),
        "unseen_worst": max(_mean(novel[start : start + 20]) for start in range(0, max(1, len(novel) - 19), 5)),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _asked(one: Statement) -> Measures:
    """What the statement adds to the question, and whether the source has that."""
    kinds = set(one.stems)
    new = sorted(kinds - set(one.asked))
    unseen = [stem for stem in kinds if stem not in one.source.where]
    return {
        "asked": sum(stem in one.asked for stem in kinds) / max(1, len(kinds)),
        "new": float(len(new)),
        "new_seen": sum(stem in one.source.where for stem in new) / len(new) if new else -1.0,
        "new_seen_rare": _share(new, one.source.where, one.rarity) if new else -1.0,
        "neither": sum(stem not in one.asked for stem in unseen) / max(1, len(kinds)),
    }


def _sense(one: Statement) -> Measures:
    """What turns the sense round or weakens it, beside the nearest sentences."""
    source, text = one.source, one.text
    near = " ".join(source.sentences[index] for index in one.near[:2])
    denied, denied_there = len(NEGATION.findall(text)), len(NEGATION.findall(source.sentences[_best(one)]))
    said = set(one.words.lower)
    read = {word for index in one.near[:2] for word in source.words[index].lower}
    length = max(1, len(one.words.lower))
    return {
        "negations": float(denied),
        "negation_differs": float(denied > 0) - float(denied_there > 0),
        "negations_near": float(len(NEGATION.findall(near))),
        "hedges": len(HEDGE.findall(text)) / length,
        "hedges_more": float(len(HEDGE.findall(text)) - len(HEDGE.findall(near))),
        "absolutes_new": float(sum(word.lower() not in near.lower() for word in ABSOLUTE.findall(text))),
        "opposites": float(sum(word not in read and bool(OPPOSITES[word] & (read - said)) for word in said & _TURNING)),
        "about_sources": len(ABOUT_SOURCES.findall(text)) / length,
        "conclusions": len(CONCLUSION.findall(text)) / length,
        "addressed": sum(word in {"you", "your", "we", "i", "our", "my"} for word in one.words.lower) / length,
    }


_TURNING = frozenset(OPPOSITES)


def _place(one: Statement) -> Measures:
    """Where in the source it comes from, whether its rarest words stand together there, and how it ends."""
    source = one.source
    key = sorted(set(one.stems) & set(source.where), key=lambda stem: (-one.rarity(stem), stem))[:_KEY_STEMS_MAX]
    together = [
        not set(source.where[left]).isdisjoint(source.where[right])
        for place, left in enumerate(key)
        for right in key[place + 1 :]
    ]
    first = [source.where[stem][0] for stem in key]
    end = one.text.rstrip()[-1:]
    return {
        "together": sum(together) / len(together) if together else -1.0,
        "spread": pstdev(first) / len(source.sentences) if first else 0.0,
        "from": _best(one) / len(source.sentences),
        "asks": float(end == "?"),
        "ends": float(end in {".", "!"}),
    }
