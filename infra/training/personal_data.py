"""`python -m infra.training.personal_data --data DIR`: trains the tagger that finds names, addresses and the like.

Takes about five minutes of one core, most of it for the cross-validation that the card reports.
"""

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson

from infra.evaluation.data import rows
from infra.evaluation.pii import Tally, gold_spans
from infra.training.made_sentences import LabelledText, SentenceMaker
from infra.training.sequence_model import Course, TaggedText, train
from shared.personal_data import PersonalData
from shared.personal_data.patterns import PLACEHOLDER, matches
from shared.personal_data.tagger import MODEL_FILE, OUTSIDE, Tagger
from shared.personal_data.words import features, split_words

KINDS = ("NAME", "ADDRESS", "LOCATION", "ORGANIZATION", "DATE", "PHONE", "JOB", "HONORIFIC", "LICENSE")
LABELS = (OUTSIDE, *(f"{prefix}-{kind}" for kind in KINDS for prefix in "BI"))
FOLDS = 5
SEED = 20_260_101
MADE_SENTENCES = 7_000
ORDINARY_EACH = 1_000
ORDINARY_CHARACTERS_MAX = 400
# Slots that values from the labelled set may fill, by the kind they are of.
_SLOTS_FED = {"NAME": "NAME", "LOCATION": "CITY", "ORGANIZATION": "ORG"}
ORDINARY_SETS = ("intent/banking77/train.jsonl", "retrieval/wixqa/corpus.jsonl", "retrieval/mtrag_cloud/corpus.jsonl")


def tagged(one: LabelledText) -> TaggedText:
    """The text as the model learns from it; where a pattern finds something, the model is not asked."""
    claimed = matches(one.text)
    words = split_words(one.text, claimed)
    labels = np.zeros(len(words.forms), dtype=np.int64)
    for span in one.spans:
        if span.kind in KINDS and not any(start < span.end and span.start < end for start, end, _ in claimed):
            inside = [k for k, (start, end) in enumerate(words.spans) if start < span.end and span.start < end]
            labels[inside] = LABELS.index(f"I-{span.kind}")
            labels[inside[:1]] = LABELS.index(f"B-{span.kind}")
    return TaggedText(features(words), labels)


def read_labelled(path: Path) -> list[LabelledText]:
    """The texts of `path` with their spans.

    Raises:
        DataUnreadable: see `infra.evaluation.data`.
    """
    return [
        LabelledText(row["text"], gold_spans(row, f"{path}, row {number}"))
        for number, row in enumerate(rows(path, ("text", "spans")), start=1)
    ]


def template_of(one: LabelledText) -> str:
    """What stands outside of the spans: rows that were made from one template share it."""
    parts, position = [], 0
    for span in one.spans:
        parts += [one.text[position : span.start], f"<{span.kind}>"]
        position = max(position, span.end)
    return re.sub(r"\W+", " ", "".join([*parts, one.text[position:]]).lower())


def ordinary_texts(data: Path, random: Random) -> list[str]:
    """Enquiries and pieces of articles without personal data.

    Some name a company or a town; that these are then learned as ordinary words is the price of many texts that are.
    """
    found = []
    for name in ORDINARY_SETS:
        texts = [str(row["text"]) for row in rows(data / name, ("text",))]
        for text in random.sample(texts, min(ORDINARY_EACH, len(texts))):
            start = random.randrange(max(1, len(text) - ORDINARY_CHARACTERS_MAX))
            start = text.find(" ", start) + 1 if start else 0
            found.append(text[start : start + ORDINARY_CHARACTERS_MAX])
    return [text for text in found if text.strip()]


def fit(
    labelled: Sequence[LabelledText], ordinary: Sequence[TaggedText], course: Course, made: int = MADE_SENTENCES
) -> Tagger:
    """The tagger of labelled texts, ordinary ones and `made` sentences of our own."""
    random = Random(SEED)
    values: dict[str, list[str]] = {slot: [] for slot in _SLOTS_FED.values()}
    for one in labelled:
        for span in one.spans:
            if span.kind in _SLOTS_FED:
                values[_SLOTS_FED[span.kind]].append(one.text[span.start : span.end])
    maker = SentenceMaker(random, {slot: sorted(set(found)) for slot, found in values.items()})
    own = [tagged(one) for one in maker.sentences(made)]
    own += [tagged(LabelledText(text, ())) for text in maker.ordinary()] * 5
    texts = [*map(tagged, labelled), *own, *ordinary]
    return train([text for text in texts if len(text.ids)], LABELS, course)


def found_by(tagger: Tagger, text: str) -> list[PersonalData]:
    """As `shared.personal_data.find_personal_data`, with the given tagger in place of the shipped one."""
    by_pattern = matches(text)
    spans = sorted(by_pattern + tagger.spans(text, by_pattern))
    return [PersonalData(*span) for span in spans if span[2] != PLACEHOLDER]


def cross_validated(
    labelled: Sequence[LabelledText], groups: Sequence[str], ordinary: Sequence[TaggedText], course: Course
) -> dict[str, Any]:
    """Figures over all rows, each judged by a tagger that saw no row of its group."""
    names = sorted(set(groups))
    Random(SEED).shuffle(names)
    fold_of = {name: place % FOLDS for place, name in enumerate(names)}
    tally = Tally()
    for fold in range(FOLDS):
        seen = [one for one, group in zip(labelled, groups, strict=True) if fold_of[group] != fold]
        tagger = fit(seen, ordinary, course)
        for one, group in zip(labelled, groups, strict=True):
            if fold_of[group] == fold:
                tally.add(one.spans, found_by(tagger, one.text))
    return {**tally.figures(), "per_type": {kind: tally.kind(kind) for kind in sorted(tally.gold)}}


def save(tagger: Tagger, path: Path) -> None:
    """Writes the model without any pickled object."""
    np.savez_compressed(
        path,
        labels=np.array(tagger.labels),
        weights=tagger.weights,
        scales=tagger.scales,
        transitions=tagger.transitions,
        first=tagger.first,
    )


def card(rows_used: Mapping[str, int], figures: Mapping[str, Any]) -> dict[str, Any]:
    """What the model was made of, and how well it does."""
    return {
        "model": "linear-chain conditional random field over hashed features of words; int8 weights, no vocabulary",
        "made_by": "python -m infra.training.personal_data --data DIR",
        "trained_on": [
            {"set": "pii/presidio (Microsoft presidio-research, templates with made values)", "licence": "MIT"},
            {"set": "sentences and lists of this project (infra/training/personal_data.yaml)", "licence": "Apache-2.0"},
            {"set": "intent/banking77, as text without names", "licence": "CC-BY-4.0 (PolyAI)"},
            {"set": "retrieval/wixqa, as text without names", "licence": "MIT (Wix)"},
            {"set": "retrieval/mtrag_cloud, as text without names", "licence": "Apache-2.0 (IBM)"},
        ],
        "rows": rows_used,
        "cross_validated": figures,
        "limits": "Names in scripts other than Latin are mostly missed; ordinary words in capitals are at times taken "
        "for names. The set's rows are made from templates: by_template is how it does on sentences it has not seen.",
    }


def main(arguments: Iterable[str] | None = None) -> None:
    """Trains, cross-validates and writes model and card.

    Raises:
        DataUnreadable: a set is missing or malformed.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--out", type=Path, default=MODEL_FILE, help="the model's file; the card goes beside it")
    given = parser.parse_args(list(arguments) if arguments is not None else None)
    labelled = read_labelled(given.data / "pii" / "presidio.jsonl")
    ordinary = [tagged(LabelledText(text, ())) for text in ordinary_texts(given.data, Random(SEED))]
    course = Course()
    save(fit(labelled, ordinary, course), given.out)
    figures = {
        "by_template": cross_validated(labelled, [template_of(one) for one in labelled], ordinary, course),
        "by_row": cross_validated(labelled, [str(k) for k in range(len(labelled))], ordinary, course),
    }
    counts = {"labelled": len(labelled), "made": MADE_SENTENCES, "ordinary": len(ordinary)}
    given.out.with_suffix(".card.json").write_bytes(
        orjson.dumps(card(counts, figures), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )


if __name__ == "__main__":
    main()
