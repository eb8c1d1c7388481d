"""Which terms of a question are looked up, and how much each counts."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

TERMS_MAX = 48
# Bounds the work of one search: a passage is looked at once for each term that it shares with the question.
POSTINGS_MAX = 30_000
# So many postings of the heaviest terms decide which passages are looked at closely.
LEADING_POSTINGS_MIN = 8_000


@dataclass(frozen=True)
class AskedTerm:
    """A term of the question: how often it stands there, and how many of the tenant's passages hold it."""

    lexeme: str
    asked: int
    found_in: int


def choose_terms(asked: Iterable[AskedTerm], passages: int) -> dict[str, float]:
    """The weight of each term worth looking up, the heaviest first; terms that no passage holds are left out.

    A weight is the term's inverse document frequency (Robertson and Zaragoza, The Probabilistic Relevance Framework,
    2009) times the logarithm of how often it was asked, which is 1 for a term asked once. At most TERMS_MAX terms that
    together stand in at most POSTINGS_MAX passages, but always the heaviest one.

    Args:
        asked: the question's terms.
        passages: how many passages the tenant has.
    """
    weighed = [(_weight(term, passages), term) for term in asked if term.found_in > 0]
    weighed.sort(key=lambda pair: (-pair[0], pair[1].lexeme))
    chosen: dict[str, float] = {}
    postings = 0
    for weight, term in weighed[:TERMS_MAX]:
        postings += term.found_in
        if chosen and postings > POSTINGS_MAX:
            break
        chosen[term.lexeme] = weight
    return chosen


def leading_terms(found_in: Iterable[int]) -> int:
    """How many terms, from the heaviest on, together stand in LEADING_POSTINGS_MIN passages; all where they do not.

    Args:
        found_in: how many passages hold each chosen term, the heaviest term first.
    """
    count, postings = 0, 0
    for passages in found_in:
        count, postings = count + 1, postings + passages
        if postings >= LEADING_POSTINGS_MIN:
            break
    return count


def _weight(term: AskedTerm, passages: int) -> float:
    found_in = min(term.found_in, passages)
    rarity = math.log(1 + (passages - found_in + 0.5) / (found_in + 0.5))
    return rarity * math.log2(1 + term.asked)
