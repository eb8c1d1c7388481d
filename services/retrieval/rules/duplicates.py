"""Collapses passages that say the same in the same words, keeping the newer one."""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime

from services.retrieval.rules.ranking import Candidate

_SHINGLE_WORDS = 4
_SHARED_MIN = 0.9
_CHARACTERS_READ = 4_000
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def collapse_duplicates(ranked: Sequence[Candidate], count: int) -> list[Candidate]:
    """The first `count` of `ranked` without near-duplicates: where two share nine tenths of their runs of four words
    (Broder, On the resemblance and containment of documents, 1997), only the one from the newer article stays, in the
    place and with the score of the better one.
    """
    kept: list[Candidate] = []
    shingles: list[frozenset[int]] = []
    for candidate in ranked:
        own = _shingles(candidate.evidence.text)
        twin = next((k for k, other in enumerate(shingles) if _resemble(own, other)), None)
        if twin is not None:
            kept[twin] = _newer(kept[twin], candidate)
            continue
        if len(kept) == count:
            break
        kept.append(candidate)
        shingles.append(own)
    return kept


def _newer(better: Candidate, other: Candidate) -> Candidate:
    if (other.updated_at or _LONG_AGO) <= (better.updated_at or _LONG_AGO):
        return better
    evidence = other.evidence.model_copy(update={"score": better.evidence.score})
    return Candidate(evidence, other.english_cosine, other.matched, other.title, other.updated_at)


def _shingles(text: str) -> frozenset[int]:
    words = text[:_CHARACTERS_READ].casefold().split()
    last = max(1, len(words) - _SHINGLE_WORDS + 1)
    return frozenset(
        zlib.crc32(" ".join(words[k : k + _SHINGLE_WORDS]).encode("utf-8", "replace")) for k in range(last)
    )


def _resemble(one: frozenset[int], other: frozenset[int]) -> bool:
    if min(len(one), len(other)) < _SHARED_MIN * max(len(one), len(other)):
        return False
    shared = len(one & other)
    return shared >= _SHARED_MIN * (len(one) + len(other) - shared)
