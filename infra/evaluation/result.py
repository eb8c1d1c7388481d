"""What an evaluation returns, and how it tells of its progress."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from infra.evaluation.figures import Flags, Numbers

T = TypeVar("T")


class Progress(Protocol):
    """Passes items on and shows how far it is."""

    def __call__(self, items: Sequence[T], doing: str) -> Iterable[T]:
        """The items, one after another; `doing` says in a word or two what is done with them."""
        ...


def quiet(items: Sequence[T], doing: str) -> Iterable[T]:
    """Progress that nobody sees."""
    return items


@dataclass(frozen=True)
class Evaluation:
    """`figures` are what `--json` prints. The rest is for the report.

    Args:
        figures: rounded numbers by name; None where a figure has no meaning on these data.
        confidence: of each case, how sure the system was, 0 to 1; empty where the kind has none.
        right: of each case, whether it was right.
        table: one row of figures for each class (intent, type of personal data, …).
        notes: sentences for the report: what counted as right, which model, what was left out.
    """

    figures: Mapping[str, Any]
    confidence: Numbers = field(default_factory=lambda: np.zeros(0))
    right: Flags = field(default_factory=lambda: np.zeros(0, dtype=bool))
    table: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: Sequence[str] = ()
