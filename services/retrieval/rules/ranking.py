"""Puts the passages that two searches found into one order, by a few cheap features and learned weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from contracts.events import Evidence

Numbers = NDArray[np.float64]

FEATURES = ("words", "closeness", "multilingual", "coverage", "title", "title_asked", "identifiers", "companions",
            "beginning")  # fmt: skip
"""See `features` for what each is."""

# Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009). A small constant lets first places count.
_FUSION_CONSTANT = 10
_TITLE_TERMS_TYPICAL = 6
_COMPANIONS_MAX = 3
_DAYS_OF_A_STALE_ARTICLE = 3 * 365
# Small, so that age decides only between passages that say much the same.
_STALENESS_WEIGHT = 0.02


@dataclass(frozen=True)
class Candidate:
    """A passage that was found, with what its rank is made of.

    Args:
        evidence: the passage; `lexical` and `similarity` are those of the search, `score` is not set yet.
        english_cosine: the part of the similarity that the English models contribute; 0 where they were not asked.
        matched: the terms of the question that the passage, its title or headings hold.
        title: the terms of its article's title.
        updated_at: when its article was changed, where that is known.
    """

    evidence: Evidence
    english_cosine: float
    matched: frozenset[str]
    title: frozenset[str]
    updated_at: datetime | None = None


@dataclass(frozen=True)
class RankingModel:
    """The weight of each of FEATURES, in their order, and the version that the index's name carries."""

    weights: tuple[float, ...]
    version: str


def rank(candidates: Sequence[Candidate], terms: Mapping[str, float], model: RankingModel) -> list[Candidate]:
    """The candidates, best first, each with its score: the share (0 to 1) of the greatest that the features allow.

    Args:
        candidates: what the searches found, in any order.
        terms: the terms of the question that were looked up, with their weights.
        model: the weights of the features.
    """
    if not candidates:
        return []
    weights = np.array(model.weights)
    scores = features(candidates, terms) @ weights / np.maximum(weights, 0.0).sum()
    scores = np.clip(scores - _STALENESS_WEIGHT * _staleness(candidates), 1e-6, 1.0)
    order = sorted(range(len(candidates)), key=lambda k: (-scores[k], candidates[k].evidence.evidence_id))
    return [_scored(candidates[k], float(scores[k])) for k in order]


def _scored(candidate: Candidate, score: float) -> Candidate:
    evidence = candidate.evidence.model_copy(update={"score": score})
    return Candidate(evidence, candidate.english_cosine, candidate.matched, candidate.title, candidate.updated_at)


def features(candidates: Sequence[Candidate], terms: Mapping[str, float]) -> Numbers:
    """One row for each candidate, one column for each of FEATURES; all of them about 0 to 1, better when greater.

    - words: BM25 as a share of the best candidate's.
    - closeness: the cosine, between the worst and the best candidate. multilingual: the same of the multilingual
      model's part of it.
    - coverage: which share of the question's weight the passage holds. identifiers: the same for terms with digits
      (error codes, versions, product numbers), over all passages of the article that were found.
    - title: weight of the question's terms in the article's title, as a share of the best. title_asked: which share
      of the title the question names.
    - companions: places of the article's other passages in both searches. beginning: whether it begins its article.
    """
    lexical = np.array([candidate.evidence.lexical for candidate in candidates])
    meaning = np.array([candidate.evidence.similarity for candidate in candidates])
    multilingual = meaning - np.array([candidate.english_cosine for candidate in candidates])
    columns = {
        "words": lexical / max(float(lexical.max()), 1e-9),
        "closeness": _between(meaning),
        "multilingual": _between(multilingual),
        "companions": _companions(candidates, _fused_places(lexical, meaning)),
        "beginning": np.array([float(candidate.evidence.start == 0) for candidate in candidates]),
        **_term_features(candidates, terms),
    }
    return np.stack([columns[name] for name in FEATURES], axis=1)


def _between(values: Numbers) -> Numbers:
    """From 0 for the least to 1 for the greatest. Models differ in what they call far, so that a share would not do."""
    spread = float(np.ptp(values))
    return (values - values.min()) / spread if spread > 0 else np.ones(len(values))


def _fused_places(lexical: Numbers, meaning: Numbers) -> Numbers:
    """1 for a passage that is first by words and by meaning."""
    fused = 1 / (_FUSION_CONSTANT + _places(meaning)) + (lexical > 0) / (_FUSION_CONSTANT + _places(lexical))
    return fused * (_FUSION_CONSTANT + 1) / 2


def _places(values: Numbers) -> Numbers:
    places = np.empty(len(values))
    places[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    return places


def _companions(candidates: Sequence[Candidate], places: Numbers) -> Numbers:
    of_article: dict[str, list[float]] = {}
    for candidate, place in zip(candidates, places, strict=True):
        of_article.setdefault(candidate.evidence.document_id, []).append(float(place))
    best = {article: sorted(found, reverse=True)[: _COMPANIONS_MAX + 1] for article, found in of_article.items()}
    return np.array(
        [
            sum(best[one.evidence.document_id]) - min(float(place), best[one.evidence.document_id][0])
            for one, place in zip(candidates, places, strict=True)
        ]
    )


def _term_features(candidates: Sequence[Candidate], terms: Mapping[str, float]) -> dict[str, Numbers]:
    whole = max(sum(terms.values()), 1e-9)
    codes = {term: weight for term, weight in terms.items() if any(character.isdigit() for character in term)}
    in_article: dict[str, set[str]] = {}
    for candidate in candidates:
        in_article.setdefault(candidate.evidence.document_id, set()).update(candidate.matched & codes.keys())
    title = np.array([_title_weight(candidate.title, terms) for candidate in candidates])
    return {
        "title": title / max(float(title.max()), 1e-9),
        "title_asked": np.array([len(one.title & terms.keys()) / max(1, len(one.title)) for one in candidates]),
        "coverage": np.array([sum(terms.get(term, 0.0) for term in one.matched) / whole for one in candidates]),
        "identifiers": np.array(
            [
                sum(codes[term] for term in in_article[one.evidence.document_id]) / max(sum(codes.values()), 1e-9)
                for one in candidates
            ]
        ),
    }


def _title_weight(title: frozenset[str], terms: Mapping[str, float]) -> float:
    """Long titles share terms with anything, so that each of their terms counts a little less."""
    return sum(terms.get(term, 0.0) for term in title) / (1 + 0.3 * len(title) / _TITLE_TERMS_TYPICAL)


def _staleness(candidates: Sequence[Candidate]) -> Numbers:
    """From 0 for the newest article to 1 for one some years older; 0 where no date is known."""
    known = [candidate.updated_at for candidate in candidates if candidate.updated_at]
    newest = max(known, default=None)
    if newest is None:
        return np.zeros(len(candidates))
    ages = [(newest - (candidate.updated_at or newest)).days for candidate in candidates]
    return np.minimum(np.array(ages) / _DAYS_OF_A_STALE_ARTICLE, 1.0)
