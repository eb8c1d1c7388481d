"""Finds names, addresses and the like in words: a linear-chain conditional random field over hashed features.

Lafferty, McCallum and Pereira, "Conditional Random Fields" (ICML 2001); the best labels by Viterbi's algorithm.
Trained by `python -m infra.training.personal_data`; the card beside the model says on what and how well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.personal_data.words import BUCKETS, features, split_words

MODEL_FILE = Path(__file__).with_name("tagger.npz")
# Long texts are labelled in windows side by side; the lap gives each word its neighbours.
WINDOW_WORDS = 192
_LAP = 16
_CHUNK_WORDS = 8192
OUTSIDE = "O"

Scores = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Tagger:
    """Labels are `O`, `B-KIND` (a span's first word) and `I-KIND` (the rest of it).

    Args:
        labels: their names; the first is `O`.
        weights: int8, buckets × labels; times `scales` (one for each label) they are a word's scores.
        transitions: labels × labels, from row to column.
        first: the score of each label for a text's first word.
    """

    labels: tuple[str, ...]
    weights: NDArray[np.int8]
    scales: Scores
    transitions: Scores
    first: Scores

    def spans(self, text: str, claimed: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
        """Start, end and kind of what is found outside the `claimed` spans (in order, without overlaps)."""
        words = split_words(text, claimed)
        if not words.forms:
            return []
        fixed = np.array([form.startswith("<") and len(form) > 1 for form in words.forms])
        labels = self.label(features(words), fixed)
        return [
            (words.spans[first][0], words.spans[last][1], kind) for first, last, kind in stretches(labels, self.labels)
        ]

    def label(self, ids: NDArray[np.uint32], fixed: NDArray[np.bool_]) -> Labels:
        """The best label of each word; words that are `fixed` are outside of every span."""
        scores = np.concatenate(
            [self._scores(ids[start : start + _CHUNK_WORDS]) for start in range(0, len(ids), _CHUNK_WORDS)]
        )
        scores[fixed, 1:] = -np.inf
        if len(scores) <= WINDOW_WORDS:
            whole: Labels = self._best(scores[np.newaxis])[0]
            return whole
        return self._best_in_windows(scores)

    def _scores(self, ids: NDArray[np.uint32]) -> Scores:
        total: Scores = self.weights[ids].sum(axis=1, dtype=np.int32) * self.scales
        return total

    def _best_in_windows(self, scores: Scores) -> Labels:
        step = WINDOW_WORDS - 2 * _LAP
        count = -(-len(scores) // step)
        padded = np.zeros((count * step + 2 * _LAP, len(self.labels)), dtype=np.float32)
        padded[:, 1:] = -np.inf
        padded[_LAP : _LAP + len(scores)] = scores
        windows = np.stack([padded[k * step : k * step + WINDOW_WORDS] for k in range(count)])
        best: Labels = self._best(windows)[:, _LAP : _LAP + step].reshape(-1)[: len(scores)]
        return best

    def _best(self, scores: Scores) -> Labels:
        """Viterbi's algorithm over texts × words × labels."""
        texts, length, _ = scores.shape
        came_from = np.zeros(scores.shape, dtype=np.int64)
        reached = scores[:, 0] + self.first
        for place in range(1, length):
            ways = reached[:, :, np.newaxis] + self.transitions
            came_from[:, place] = ways.argmax(axis=1)
            reached = ways.max(axis=1) + scores[:, place]
        best = np.zeros((texts, length), dtype=np.int64)
        best[:, -1] = reached.argmax(axis=1)
        for place in range(length - 1, 0, -1):
            best[:, place - 1] = came_from[np.arange(texts), place, best[:, place]]
        return best


def stretches(labels: Labels, names: Sequence[str]) -> list[tuple[int, int, str]]:
    """First word, last word and kind of each span that the labels tell of."""
    found: list[tuple[int, int, str]] = []
    for place in np.flatnonzero(labels):
        prefix, _, kind = names[labels[place]].partition("-")
        if prefix == "I" and found and found[-1][1] == place - 1 and found[-1][2] == kind:
            found[-1] = (found[-1][0], int(place), kind)
        else:
            found.append((int(place), int(place), kind))
    return found


def read_tagger(path: Path) -> Tagger:
    """The model in the file.

    Raises:
        ValueError, KeyError, OSError: the file is missing or not such a model.
    """
    with np.load(path, allow_pickle=False) as stored:
        tagger = Tagger(
            labels=tuple(str(name) for name in stored["labels"]),
            weights=stored["weights"],
            scales=stored["scales"],
            transitions=stored["transitions"],
            first=stored["first"],
        )
    if tagger.weights.shape != (BUCKETS, len(tagger.labels)) or tagger.labels[0] != OUTSIDE:
        raise ValueError(f"{path} was made for other features")
    return tagger


@cache
def shipped_tagger() -> Tagger:
    """The model that comes with this package, read once."""
    return read_tagger(MODEL_FILE)
