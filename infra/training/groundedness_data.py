"""Labelled answers as rows of measures, for the training of validation's model of support."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.evaluation.data import rows
from services.validation.rules.alignment import Aligned, ReadTokens, align
from services.validation.rules.claims import statements_in
from services.validation.rules.grounding import RARITY_STEPS, claim_measures, stems_asked, whole_measures
from services.validation.rules.source import SOURCE_CHARACTERS_MAX, Rarity, Source, bucket, read_source
from services.validation.rules.support import Measures
from services.validation.rules.words import WORD, read_words

# What is trained on. The other sets mix sources whose licences are not all on record: they only test.
LICENCES = {
    "ragtruth_qa": "MIT",
    "ragtruth_summary": "MIT",
    "ragtruth_data2txt": "MIT",
    "halueval_qa": "MIT",
    "halueval_dialogue": "MIT",
}
UNSEEN_SETS = ("attributionbench_dev", "begin_dev_cmu", "begin_dev_tc", "begin_dev_wow")
BUCKETS = 1 << 14


@dataclass(frozen=True)
class Example:
    """One labelled answer of the set `of`.

    `claim_labels`: whether each claim is supported, None where nobody said; `wrong`: by claim, the places of its words
    that are not, None likewise.
    """

    of: str
    source: str
    question: str
    answer: str
    grounded: bool
    claims: tuple[str, ...]
    claim_labels: tuple[bool | None, ...]
    wrong: tuple[frozenset[int], ...] | None


@dataclass(frozen=True)
class Measured:
    """An example, the measures of its claims and of the whole, and its claims' words beside the source."""

    example: Example
    claims: list[Measures]
    whole: Measures
    aligned: list[Aligned | None]


def read_examples(data: Path, names: Iterable[str]) -> list[Example]:
    """The rows of the named sets in the folder `data`.

    Raises:
        DataUnreadable: see `infra.evaluation.data.rows`.
    """
    return [
        _example(name, row) for name in names for row in rows(data / f"{name}.jsonl", ("source", "answer", "grounded"))
    ]


def _example(of: str, row: Mapping[str, Any]) -> Example:
    answer, grounded = str(row["answer"]), bool(row["grounded"])
    found = statements_in(answer) or [(0, len(answer), answer)]
    labels: list[bool | None] = [None] * len(found)
    wrong = None
    if "spans" in row:
        labels = [not _within(start, end, row["spans"]) for start, end, _ in found]
        wrong = tuple(_wrong_words(answer[start:end], start, row["spans"]) for start, end, _ in found)
    elif len(found) == 1:
        labels = [grounded]
    return Example(
        of=of,
        source=str(row["source"]),
        question=str(row.get("question") or ""),
        answer=answer,
        grounded=grounded,
        claims=tuple(text for *_, text in found),
        claim_labels=tuple(labels),
        wrong=wrong,
    )


def _within(start: int, end: int, spans: Sequence[Sequence[int]]) -> bool:
    return any(one < end and start < two for one, two in spans)


def _wrong_words(text: str, start: int, spans: Sequence[Sequence[int]]) -> frozenset[int]:
    words = enumerate(WORD.finditer(text))
    return frozenset(place for place, word in words if _within(start + word.start(), start + word.end(), spans))


def rarity_table(examples: Sequence[Example]) -> NDArray[np.uint8]:
    """For each bucket of hashed stems, RARITY_STEPS times the logarithm of how few of the sources have it."""
    sources = {one.source for one in examples}
    counts = np.zeros(BUCKETS)
    for source in sources:
        stems = set(read_words(source[:SOURCE_CHARACTERS_MAX]).stems)
        counts[sorted({bucket(stem, BUCKETS) for stem in stems})] += 1
    table: NDArray[np.uint8] = np.clip(
        np.rint(RARITY_STEPS * np.log((len(sources) + 1) / (counts + 1))), 0, 255
    ).astype(np.uint8)
    return table


def measured(
    examples: Sequence[Example],
    rarity: Rarity,
    tokens: ReadTokens,
    progress: Callable[[Sequence[Example], str], Iterable[Example]],
) -> list[Measured]:
    """The measures of every example that states anything."""
    sources: dict[str, Source] = {}
    found = []
    for one in progress(examples, "measuring"):
        if one.source not in sources:
            sources[one.source] = read_source(one.source)
        source, asked = sources[one.source], stems_asked(one.question)
        if one.claims:
            pairs = [(text, source) for text in one.claims]
            claims, whole = claim_measures(pairs, asked, rarity), " ".join(one.claims)
            read = align(pairs, rarity, tokens)
            found.append(Measured(one, claims, whole_measures(whole, source, asked, rarity), read))
    return found
