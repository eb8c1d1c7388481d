"""Words as an engine indexes them that does not know our languages, and how much a passage holds of those asked for."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from shared.sentences import terms

ASKED_MAX = 64
# The engine's tokenizer would cut words of more than 255 characters in two.
_TERM_CHARACTERS_MAX = 100
_WORD = re.compile(r"[^\W_]+([-.'’_][^\W_]+)*")
_JOINT = re.compile(r"[-.'’_]")
# Okapi BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) with the customary parameters.
BM25_K1 = 1.2
BM25_B = 0.75


def index_words(text: str) -> list[str]:
    """The content words of `text`, without white space in them, and the parts of those that have several.

    Index and question go through the same function, so that an exact comparison of words is enough. Inflection is cut
    off for English only.
    """
    compounds = (found[0] for found in _WORD.finditer(text) if found[1])
    parts = (part for compound in compounds for part in terms(_JOINT.sub(" ", compound)))
    return [word[:_TERM_CHARACTERS_MAX] for word in chain(terms(text), parts)]


def asked_words(query: str) -> dict[str, int]:
    """How often each word stands in the question; only the first ASKED_MAX different ones."""
    return dict(list(Counter(index_words(query)).items())[:ASKED_MAX])


def bm25(words: Sequence[str], weights: Mapping[str, float], mean_words: float) -> float:
    """The sum over the words asked for; `weights` are those that `choose_terms` gives.

    Args:
        words: the passage's.
        weights: of each word that is looked up.
        mean_words: how long the tenant's passages are on average, in words.
    """
    counts = Counter(word for word in words if word in weights)
    dampening = BM25_K1 * (1 - BM25_B + BM25_B * len(words) / max(1.0, mean_words))
    return sum(weights[word] * count * (BM25_K1 + 1) / (count + dampening) for word, count in counts.items())
