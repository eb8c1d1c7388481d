"""Trains the model of a pack from its examples and people's decisions: a minute on one core, always the same bytes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from contracts.events import FeedbackRecorded
from contracts.pack import Pack
from services.classification.adapters.model import Model, Pair, Risks
from services.classification.adapters.store import save_model
from services.classification.training.card import ModelCard
from services.classification.training.encoding import Encoding
from services.classification.training.examples import Examples, of_pack, with_feedback
from services.classification.training.figures import IntentsCard
from services.classification.training.fitting import UNKNOWN, Named
from services.classification.training.intents import IntentData, train_intents
from services.classification.training.risks import RisksCard, train_risks
from shared.embedding import Embedder

__all__ = ["ModelCard", "train", "train_examples"]


def train(
    pack: Pack, english: Embedder, multilingual: Embedder, out: Path, feedback: Iterable[FeedbackRecorded] = ()
) -> ModelCard:
    """Trains on all examples of `pack` and on what people decided (`feedback`), writes the model and its card into
    the folder `out`, and returns the card."""
    examples, added = with_feedback(of_pack(pack), feedback, pack)
    encode = Encoding(english, multilingual, pack.languages)
    risks, risks_card = train_risks(pack, encode)
    return _train(examples, encode, risks, risks_card, (english.name, multilingual.name), added, out)


def train_examples(examples: Examples, english: Embedder, multilingual: Embedder, out: Path) -> ModelCard:
    """As `train`, on labelled texts alone, without risks."""
    encode = Encoding(english, multilingual, examples.languages)
    return _train(examples, encode, None, RisksCard(), (english.name, multilingual.name), 0, out)


def _train(
    examples: Examples,
    encode: Encoding,
    risks: Risks | None,
    risks_card: RisksCard,
    embedders: tuple[str, str],
    feedback: int,
    out: Path,
) -> ModelCard:
    pair, intents_card = _intents(examples, encode)
    known = (examples.intents, examples.articles) if pair else ((), ())
    model = Model(*known, pair, risks, examples.version)
    card = ModelCard.of(examples, embedders, feedback, intents_card, risks_card)
    save_model(model, card.as_json(), card.as_markdown(), out)
    return card


def _intents(examples: Examples, encode: Encoding) -> tuple[Pair | None, IntentsCard | None]:
    """None where there are fewer than two intents to tell apart."""
    if len(examples.intents) < 2:
        return None, None
    texts = [*examples.texts, *(text for text, _ in examples.support)]
    labels = np.array([*examples.labels, *(label for _, label in examples.support)], dtype=np.int64)
    data = IntentData(
        encode(texts),
        labels,
        len(examples.texts),
        len(examples.intents),
        encode(list(examples.ordinary)),
        _named(texts, examples),
    )
    return train_intents(data)


def _named(texts: Sequence[str], examples: Examples) -> Named:
    """Which articles answer which texts."""
    column = {name: k for k, name in enumerate(examples.articles)}
    named = np.full((len(texts), len(column)), UNKNOWN, dtype=np.int8)
    for row, text in enumerate(texts):
        if (articles := examples.answered_by.get(text)) is not None:
            named[row] = 0
            named[row, [column[name] for name in articles if name in column]] = 1
    return named
