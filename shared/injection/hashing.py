"""Texts as hashed n-grams: what linear models of words and spellings read, with no vocabulary to keep."""

import re

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 17
_WORD = re.compile(r"\w+")
_CHARACTERS_HASHED_MAX = 6_000
_SIZES = (2, 3, 4, 5)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(1_099_511_628_211)


def ngrams(text: str) -> NDArray[np.int64]:
    """The buckets, each once, of the character n-grams and of the words and word pairs of a text, hashed.

    Nothing can be read back from a bucket (Weinberger et al., Feature Hashing, ICML 2009).
    """
    read = f" {' '.join(text[:_CHARACTERS_HASHED_MAX].lower().split())} "
    codes = np.frombuffer(read.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    found = [_rolled(codes, size) + np.uint64(size) for size in _SIZES if len(codes) >= size]
    words = np.array([_word_hash(word) for word in _WORD.findall(read)], dtype=np.uint64)
    found += [words + np.uint64(101), words[:-1] * _PRIME + words[1:] + np.uint64(103)]
    mixed = np.concatenate(found) * _MULTIPLIER
    return np.unique((mixed >> np.uint64(64 - 17)).astype(np.int64))


def _rolled(codes: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    rolled = codes[: len(codes) - size + 1].copy()
    for shift in range(1, size):
        rolled = rolled * _PRIME + codes[shift : len(codes) - size + 1 + shift]
    return rolled


def _word_hash(word: str) -> int:
    value = 14_695_981_039_346_656_037
    for character in word:
        value = ((value ^ ord(character)) * 1_099_511_628_211) & 0xFFFFFFFFFFFFFFFF
    return value
