"""What a model is trained on: the texts of a pack, and what people decided about its tickets."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from contracts.events import FeedbackRecorded
from contracts.pack import Pack
from shared.packs import training_hash

OUTSIDE = -1
TEXT_CHARACTERS_MAX = 5_000
LINE_BYTES_MAX = 5_000_000
EXAMPLES_MAX = 200_000
# Why a person rejected a draft, where that says that no intent of the pack fits.
_REASONS_OUTSIDE = frozenset({"no_reply_needed"})


class FeedbackUnreadable(Exception):
    """A file of training records cannot be read; the text says which line, and why."""


@dataclass(frozen=True)
class Examples:
    """Labelled texts: `labels` are places in `intents`, or OUTSIDE.

    `support` (texts with their labels) are descriptions that are trained on, but that no ticket looks like. `ordinary`
    are texts within the domain of which no intent is known. `version` names the data.
    """

    intents: tuple[str, ...]
    texts: tuple[str, ...]
    labels: tuple[int, ...]
    languages: tuple[str, ...]
    version: str
    support: tuple[tuple[str, int], ...] = ()
    ordinary: tuple[str, ...] = ()


def of_pack(pack: Pack) -> Examples:
    """The pack's own examples."""
    names = tuple(intent.id for intent in pack.intents)
    labelled = [(one.text, k) for k, intent in enumerate(pack.intents) for one in intent.examples]
    labelled += [(one.text, OUTSIDE) for one in pack.out_of_scope]
    support = tuple(
        (text, k)
        for k, intent in enumerate(pack.intents)
        for text in (intent.title, intent.description, *(slug.replace("-", " ") for slug in intent.articles))
    )
    return Examples(
        intents=names,
        texts=tuple(text for text, _ in labelled),
        labels=tuple(label for _, label in labelled),
        languages=pack.languages,
        version=f"{pack.name}-{training_hash(pack)}",
        support=support,
        ordinary=pack.ordinary,
    )


def with_feedback(examples: Examples, records: Iterable[FeedbackRecorded], pack: Pack) -> tuple[Examples, int]:
    """The examples and what people's decisions add to them, and how many that were.

    A draft that a person approved or edited confirms the intent that it was made for. A case handed to another queue
    is of the likeliest intent of that queue. One rejected since it needs no reply is out of scope. What policy decided
    by itself teaches nothing: it would repeat the model's own mistakes. The newest decision on a text counts.
    """
    known = set(examples.texts)
    added: dict[str, int] = {}
    for record in sorted(records, key=lambda one: (one.occurred_at, one.event_id)):
        text, label = record.ticket.text[:TEXT_CHARACTERS_MAX], _label(record, pack)
        if label is not None and text and text not in known and len(added) < EXAMPLES_MAX:
            added[text] = label
    if not added:
        return examples, 0
    digest = hashlib.sha256(json.dumps(sorted(added.items())).encode()).hexdigest()[:8]
    return replace(
        examples,
        texts=(*examples.texts, *added),
        labels=(*examples.labels, *added.values()),
        version=f"{examples.version}-{digest}",
    ), len(added)


def _label(record: FeedbackRecorded, pack: Pack) -> int | None:
    if record.decided_by != "person":
        return None
    ranked = [intent.intent for intent in record.classification.intents]
    names = [intent.id for intent in pack.intents]
    decision = record.decision
    if decision.action in {"approve", "edit"}:
        return names.index(ranked[0]) if ranked and ranked[0] in names else None
    if decision.action == "reassign":
        of_queue = {intent.id for intent in pack.intents if intent.queue == decision.queue}
        return next((names.index(name) for name in ranked if name in of_queue), None)
    return OUTSIDE if decision.reason_code in _REASONS_OUTSIDE else None


def read_feedback(path: Path) -> list[FeedbackRecorded]:
    """The records that `handrail export feedback --format jsonl` wrote.

    Raises:
        FeedbackUnreadable: no such file, or a line that is no training record.
    """
    try:
        with path.open("rb") as lines:
            return [_record(line, number) for number, line in enumerate(lines, start=1) if line.strip()]
    except OSError as error:
        raise FeedbackUnreadable(f"{path} cannot be read: {error.strerror}") from error


def _record(line: bytes, number: int) -> FeedbackRecorded:
    if len(line) > LINE_BYTES_MAX:
        raise FeedbackUnreadable(f"line {number} is longer than {LINE_BYTES_MAX} bytes")
    try:
        return FeedbackRecorded.model_validate_json(line)
    except ValidationError as error:
        raise FeedbackUnreadable(f"line {number} is no training record ({error.error_count()} errors)") from error
