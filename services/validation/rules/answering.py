"""How far a draft answers what was asked: likeness of meaning, words left out, and the kind of thing asked for."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from contracts.events import AnswerDrafted, Evidence
from shared.sentences import questions, terms

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Gives one vector of length one for each text."""

ASKED_CHARACTERS_MAX = 2_000
PARTS_MAX = 5
OWN_PASSAGES_MAX = 4
OTHER_TITLES_MAX = 6

ANSWERING_FEATURES = (
    "said_near",
    "said_near_in_context",
    "said_near_second",
    "part_near_least",
    "part_near_most",
    "part_near_mean",
    "title_near",
    "title_margin",
    "kind_missing",
    "kind_known",
    "asked_unseen",
    "asked_unsaid",
    "names_unseen",
    "names_none",
    "pairs_seen",
    "passages",
    "documents",
    "asked_length",
    "statements",
    "follow_up",
    "best_similarity",
    "similarity_drop",
)

# What kind of thing a question asks for, and what a text that has one looks like.
_KINDS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (re.compile(r"\bwho(?:se|m)?\b", re.IGNORECASE), re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w-]+")),
    (
        re.compile(r"\bwhen\b|\bwhat (?:year|date|day|time)\b", re.IGNORECASE),
        re.compile(
            r"\b1[5-9]\d\d\b|\b20\d\d\b|\b(?:January|February|March|April|May|June|July|August|September|October"
            r"|November|December|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|hours?|days?|weeks?|months?)\b"
        ),
    ),
    (
        re.compile(r"\bwhere\b|\bwhat (?:city|country|place)\b", re.IGNORECASE),
        re.compile(r"\b(?:in|at|on|near|under|from|to)\b", re.IGNORECASE),
    ),
    (
        re.compile(
            r"\bhow (?:many|much|long|often|old|far|big|large|fast)\b|\bwhat (?:percentage|number|amount|price)\b",
            re.IGNORECASE,
        ),
        re.compile(r"\d"),
    ),
    (
        re.compile(r"\bwhy\b", re.IGNORECASE),
        re.compile(r"\b(?:because|due|since|so that|in order|reasons?|caus\w+|therefore)\b", re.IGNORECASE),
    ),
    (
        re.compile(r"\bhow\b", re.IGNORECASE),
        re.compile(r"\b(?:by|click|select|run|set|us(?:e|ing)|open|go to|choose|step)\b", re.IGNORECASE),
    ),
)
_NAME = re.compile(r"\b(?:[A-Z][\w.-]{1,60}|\w{0,30}\d[\w.-]{0,60})")


@dataclass(frozen=True)
class _Said:
    """What was asked and said, and the evidence that is cited first (`own`) beside the other."""

    asked: str
    parts: list[str]
    statements: list[str]
    in_context: list[str]
    own: list[Evidence]
    others: list[Evidence]


def answering_features(event: AnswerDrafted, embed: Embed) -> dict[str, float]:
    """ANSWERING_FEATURES by name, every value finite; empty where the draft cites no evidence it was given."""
    said = _read(event)
    if said is None:
        return {}
    evidence = event.context.evidence
    similarities = [one.similarity for one in evidence]
    return {
        **_likeness(said, embed),
        **_kind(said),
        **_words(said),
        "passages": math.log1p(len(evidence)),
        "documents": math.log1p(len({one.document_id for one in evidence})),
        "asked_length": math.log1p(len(said.asked)),
        "statements": float(len(said.statements)),
        "follow_up": float(bool(event.ticket.thread)),
        "best_similarity": max(similarities),
        "similarity_drop": max(similarities) - sum(similarities) / len(similarities),
    }


def nearness(parts: Sequence[str], event: AnswerDrafted, embed: Embed) -> list[float]:
    """For each text the cosine of the nearest statement of the draft, read under its title; 0 where there is none."""
    said = _read(event)
    if said is None or not parts:
        return [0.0] * len(parts)
    vectors = np.asarray(embed([*parts, *said.in_context]), dtype=np.float64)
    found: list[float] = (vectors[: len(parts)] @ vectors[len(parts) :].T).max(axis=1).tolist()
    return found


def _read(event: AnswerDrafted) -> _Said | None:
    known = {one.evidence_id: one for one in event.context.evidence}
    spans = {(one.start, one.end): known[one.evidence_id] for one in event.draft.citations if one.evidence_id in known}
    if not spans:
        return None
    asked = event.ticket.text[:ASKED_CHARACTERS_MAX]
    statements = [event.draft.text[start:end] for start, end in spans]
    first = next(iter(spans.values())).document_id
    return _Said(
        asked=asked,
        parts=questions(asked)[:PARTS_MAX] or [asked[:500]],
        statements=statements,
        in_context=[f"{source.title}: {text}" for source, text in zip(spans.values(), statements, strict=True)],
        own=[one for one in event.context.evidence if one.document_id == first][:OWN_PASSAGES_MAX],
        others=[one for one in event.context.evidence if one.document_id != first][:OTHER_TITLES_MAX],
    )


def _likeness(said: _Said, embed: Embed) -> dict[str, float]:
    titles = [one.title for one in (said.own[0], *said.others)]
    groups = ([said.asked[:1_000]], said.parts, said.statements, said.in_context, titles)
    vectors = np.split(
        np.asarray(embed([text for group in groups for text in group]), dtype=np.float64),
        np.cumsum([len(group) for group in groups])[:-1],
    )
    (whole,), parts, alone, in_context, headed = vectors
    near = np.sort(in_context @ whole)
    near_parts = (parts @ in_context.T).max(axis=1)
    near_titles = headed @ whole
    return {
        "said_near": float((alone @ whole).max()),
        "said_near_in_context": float(near[-1]),
        "said_near_second": float(near[-2:].mean()),
        "part_near_least": float(near_parts.min()),
        "part_near_most": float(near_parts.max()),
        "part_near_mean": float(near_parts.mean()),
        "title_near": float(near_titles[0]),
        "title_margin": float(near_titles[0] - near_titles[1:].max(initial=0.0)),
    }


def _kind(said: _Said) -> dict[str, float]:
    text = " ".join(said.statements)
    wanted = [next((has for asks, has in _KINDS if asks.search(part)), None) for part in said.parts]
    return {
        "kind_missing": float(any(has is not None and not has.search(text) for has in wanted)),
        "kind_known": float(any(has is not None for has in wanted)),
    }


def _words(said: _Said) -> dict[str, float]:
    """Which of the asked words, names and pairs of words the cited document and the answer have."""
    read = terms(" ".join(f"{one.text} {one.title}" for one in said.own))
    seen, pairs = set(read), set(pairwise(read))
    stated = set(terms(" ".join([*said.statements, said.own[0].title])))
    asked = [term for part in said.parts for term in terms(part)]
    asked_pairs = list(pairwise(asked))
    names = set(terms(" ".join(_NAME.findall(said.asked))))
    return {
        "asked_unseen": sum(term not in seen for term in asked) / max(len(asked), 1),
        "asked_unsaid": sum(term not in stated for term in asked) / max(len(asked), 1),
        "names_unseen": sum(term not in seen for term in names) / max(len(names), 1),
        "names_none": float(not names),
        "pairs_seen": sum(pair in pairs for pair in asked_pairs) / max(len(asked_pairs), 1),
    }
