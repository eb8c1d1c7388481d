"""What retrieval is measured with: made-up passages of any number, or those of a corpus."""

from collections.abc import Iterator, Sequence
from itertools import count as count_up
from itertools import cycle, islice
from pathlib import Path
from typing import Protocol

import numpy as np

from infra.evaluation.ranked import read_corpus, read_queries
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.rules.passages import chunk_markdown
from shared.embedding import Vectors

QUESTIONS = 60
QUESTION_WORDS = (10, 40)
PASSAGE_WORDS = 120
VOCABULARY = 30_000
TOPICS = 2_000
BATCH = 2_000
# What questions are embedded from.
_ENGLISH = (
    "the my a to is and I we it in on of for with after when since not can cannot how why does order invoice account "
    "page email password domain error payment card refund message settings customer yesterday update button login "
    "browser changed shows failed sent receive again please help still already two weeks store product shipping"
)


class Corpus(Protocol):
    """Passages with their vectors, and what is asked of them; always the same ones."""

    @property
    def texts(self) -> Sequence[str]:
        """All passages."""
        ...

    def batches(self, count: int) -> Iterator[tuple[list[str], Vectors]]:
        """The first `count` passages with their vectors, BATCH at a time."""
        ...

    def questions(self, count: int) -> list[tuple[str, Vectors]]:
        """QUESTIONS texts with their vectors, for a corpus of `count` passages."""
        ...

    def another(self) -> str:
        """A question of that length that nobody asked before: the embedder remembers."""
        ...


class MadeUp:
    """Passages of invented words with made-up vectors; questions are words of passages."""

    def __init__(self, count: int) -> None:
        self.texts = list(_invented(count))
        self._random = np.random.default_rng(2)

    def batches(self, count: int) -> Iterator[tuple[list[str], Vectors]]:
        """See `Corpus.batches`."""
        for first in range(0, count, BATCH):
            texts = self.texts[first : min(count, first + BATCH)]
            yield texts, _vectors(len(texts), seed=first)

    def questions(self, count: int) -> list[tuple[str, Vectors]]:
        """QUESTION_WORDS words of a passage each, with a vector near that of other passages."""
        random = np.random.default_rng(1)
        vectors = _vectors(QUESTIONS, seed=-1 % 2**31)
        found = []
        for vector in vectors:
            words = self.texts[int(random.integers(count))].split()
            found.append((" ".join(random.choice(words, _question_words(random))), vector))
        return found

    def another(self) -> str:
        """English words: of the made-up ones a model would see several tokens each."""
        return " ".join(self._random.choice(_ENGLISH.split(), _question_words(self._random)))


class Real:
    """The passages of a corpus as they are stored, and its questions, embedded as tickets are.

    Raises:
        DataUnreadable: the folder holds no corpus and queries that can be read.
    """

    def __init__(self, data: Path, count: int, embedder: PassageEmbedder) -> None:
        self._embedder = embedder
        self._asked = list(islice(read_queries(data).values(), QUESTIONS))
        self.texts = list(islice(_passages(data), count))
        self._numbers = count_up()
        self._vectors = np.zeros((0, embedder.dimensions), dtype=np.float32)

    def batches(self, count: int) -> Iterator[tuple[list[str], Vectors]]:
        """See `Corpus.batches`. What was embedded for a smaller size is not embedded again."""
        for first in range(0, count, BATCH):
            last = min(count, first + BATCH)
            if missing := self.texts[len(self._vectors) : last]:
                self._vectors = np.vstack([self._vectors, self._embedder.embed(missing)])
            yield self.texts[first:last], self._vectors[first:last]

    def questions(self, count: int) -> list[tuple[str, Vectors]]:
        """See `Corpus.questions`."""
        asked = list(islice(cycle(self._asked), QUESTIONS))
        return [(question, self._embedder.embed_query(question, "en")) for question in asked]

    def another(self) -> str:
        """The next question, with a number that makes it new."""
        number = next(self._numbers)
        return f"{self._asked[number % len(self._asked)]} {number}"


def _passages(data: Path) -> Iterator[str]:
    for document in read_corpus(data):
        yield from (chunk.indexed(document.index_title) for chunk in chunk_markdown(document.text))


def _invented(count: int) -> Iterator[str]:
    """Passages whose words are as unevenly frequent as those of a language (Zipf's law)."""
    random = np.random.default_rng(0)
    for _ in range(count):
        ranks = np.minimum(random.zipf(1.15, PASSAGE_WORDS), VOCABULARY)
        yield " ".join(f"w{rank:x}" for rank in ranks.tolist())


def _question_words(random: np.random.Generator) -> int:
    return int(random.integers(QUESTION_WORDS[0], QUESTION_WORDS[1] + 1))


def _vectors(count: int, seed: int) -> Vectors:
    """Unit vectors in clouds around topics, as those of texts are."""
    topics = np.random.default_rng(7).standard_normal((TOPICS, PassageEmbedder.dimensions), dtype=np.float32)
    random = np.random.default_rng(seed)
    made = topics[random.integers(TOPICS, size=count)]
    made += 0.7 * random.standard_normal((count, PassageEmbedder.dimensions), dtype=np.float32)
    unit: Vectors = made / np.linalg.norm(made, axis=1, keepdims=True)
    return unit
