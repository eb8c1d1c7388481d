"""Trains a linear-chain conditional random field over hashed features, in numpy.

Lafferty, McCallum and Pereira, "Conditional Random Fields" (ICML 2001); steps by Adagrad (Duchi, Hazan and Singer,
JMLR 2011).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from shared.personal_data.tagger import Tagger
from shared.personal_data.words import BUCKETS

Numbers = NDArray[np.float64]
IMPOSSIBLE = -1e4


@dataclass(frozen=True)
class TaggedText:
    """A text's words: features (words × slots), and the place of each word's label."""

    ids: NDArray[np.uint32]
    labels: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Course:
    """How to train. `dropout` is the share of features that each pass leaves out, `decay` the pull towards zero."""

    passes: int = 6
    texts_at_once: int = 48
    rate: float = 0.12
    dropout: float = 0.2
    decay: float = 2e-6
    seed: int = 20_260_101


def possible(labels: Sequence[str]) -> NDArray[np.bool_]:
    """Which label may follow which, and (last row) which may come first: a span's rest follows its own kind."""
    allowed = np.ones((len(labels) + 1, len(labels)), dtype=bool)
    for column, name in enumerate(labels):
        if name.startswith("I-"):
            kind = name.partition("-")[2]
            allowed[:, column] = [before in (f"B-{kind}", f"I-{kind}") for before in (*labels, "")]
    return allowed


def train(texts: Sequence[TaggedText], labels: Sequence[str], course: Course) -> Tagger:
    """The model of `texts`; the same texts and course give the same model."""
    rng = np.random.default_rng(course.seed)
    may = possible(labels)
    weights = np.zeros((BUCKETS, len(labels)), dtype=np.float32)
    chain = np.zeros(may.shape)
    weights_seen = np.full(weights.shape, 1e-3, dtype=np.float32)
    chain_seen = np.full(chain.shape, 1e-3)
    for _ in range(course.passes):
        for batch in _batches(texts, course.texts_at_once, rng):
            matrix = _matrix(batch, course.dropout, rng)
            errors, chain_slope = _slope(batch, matrix @ weights, np.where(may, chain, IMPOSSIBLE))
            slope = np.asarray(matrix.T @ errors, dtype=np.float32) + course.decay * len(errors) * weights
            weights_seen += slope * slope
            weights -= course.rate * slope / np.sqrt(weights_seen)
            chain_slope = np.where(may, chain_slope, 0.0)
            chain_seen += chain_slope**2
            chain -= course.rate * chain_slope / np.sqrt(chain_seen)
    return _packed(weights, np.where(may, chain, IMPOSSIBLE), labels)


def _batches(texts: Sequence[TaggedText], at_once: int, rng: np.random.Generator) -> list[list[TaggedText]]:
    """Texts of similar length go together, so that little is padded; the order is new in each pass."""
    lengths = np.array([len(text.ids) for text in texts])
    order = np.argsort(lengths + rng.uniform(0, 4, len(texts)), kind="stable")
    starts = rng.permutation(np.arange(0, len(texts), at_once))
    return [[texts[k] for k in order[start : start + at_once]] for start in starts]


def _matrix(batch: Sequence[TaggedText], dropout: float, rng: np.random.Generator) -> csr_matrix:
    ids = np.concatenate([text.ids for text in batch])
    kept = (ids != 0) & (rng.random(ids.shape) >= dropout)
    rows = np.repeat(np.arange(len(ids)), ids.shape[1]).reshape(ids.shape)
    values = np.ones(int(kept.sum()), dtype=np.float32) / np.float32(1.0 - dropout)
    return csr_matrix((values, (rows[kept], ids[kept].astype(np.int64))), shape=(len(ids), BUCKETS))


def _slope(
    batch: Sequence[TaggedText], scores: NDArray[np.float32], chain: Numbers
) -> tuple[NDArray[np.float32], Numbers]:
    """The slope of the negative log likelihood by word and label, and by pair of labels (last row: first label)."""
    lengths = np.array([len(text.ids) for text in batch])
    valid = np.arange(lengths.max()) < lengths[:, np.newaxis]
    padded = np.zeros((*valid.shape, scores.shape[1]))
    padded[valid] = scores
    expected, pairs = _expected(np.exp(padded - padded.max(axis=2, keepdims=True)), valid, np.exp(chain))
    given = np.concatenate([text.labels for text in batch])
    errors = expected[valid]
    errors[np.arange(len(given)), given] -= 1.0
    for text in batch:
        np.subtract.at(pairs, (text.labels[:-1], text.labels[1:]), 1.0)
        pairs[-1, text.labels[0]] -= 1.0
    return errors.astype(np.float32), pairs


def _expected(potentials: Numbers, valid: NDArray[np.bool_], chain: Numbers) -> tuple[Numbers, Numbers]:
    """How often each label, and each pair of labels, is expected (forward-backward, scaled at every word)."""
    pairs, first = chain[:-1], chain[-1]
    length = potentials.shape[1]
    ahead, scale = np.zeros(potentials.shape), np.ones(valid.shape)
    for place in range(length):
        reached = (ahead[:, place - 1] @ pairs if place else first) * potentials[:, place]
        scale[:, place] = np.where(valid[:, place], np.maximum(reached.sum(axis=1), 1e-300), 1.0)
        ahead[:, place] = np.where(valid[:, [place]], reached / scale[:, [place]], 0.0)
    behind = np.ones(potentials.shape)
    counts = np.zeros(chain.shape)
    for place in range(length - 1, 0, -1):
        onward = potentials[:, place] * behind[:, place] / scale[:, [place]]
        onward[~valid[:, place]] = 0.0
        counts[:-1] += (ahead[:, place - 1].T @ onward) * pairs
        behind[:, place - 1] = np.where(valid[:, [place]], onward @ pairs.T, 1.0)
    expected = ahead * behind
    counts[-1] = expected[:, 0].sum(axis=0)
    return expected, counts


def _packed(weights: NDArray[np.float32], chain: Numbers, labels: Sequence[str]) -> Tagger:
    """Weights in steps of a 127th of the label's greatest; bucket 0 means no feature and weighs nothing."""
    weights[0] = 0.0
    scales = np.maximum(np.abs(weights).max(axis=0), 1e-6) / 127
    return Tagger(
        labels=tuple(labels),
        weights=np.rint(weights / scales).astype(np.int8),
        scales=scales.astype(np.float32),
        transitions=chain[:-1].astype(np.float32),
        first=chain[-1].astype(np.float32),
    )
