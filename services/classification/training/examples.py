"""What a model is trained on: the texts of a pack, and what people decided about its tickets."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from contracts.events import FeedbackRecorded
from contracts.pack import Pack, article_of
from shared.packs import training_hash

OUTSIDE = -1
TEXT_CHARACTERS_MAX = 5_000
LINE_BYTES_MAX = 5_000_000
EXAMPLES_MAX = 200_000
# Those that most texts name; each costs a number for every reference.
ARTICLES_MAX = 500
# Why a person rejected a draft, where that says that no intent of the pack fits.
_REASONS_OUTSIDE = frozenset({"no_reply_needed"})


class FeedbackUnreadable(Exception):
    """A file of training records cannot be read; the text says which line, and why."""


@dataclass(frozen=True)
class Examples:
    """Labelled texts: `labels` are places in `intents`, or OUTSIDE.

    `support` (texts with their labels) are descriptions that are trained on, but that no ticket looks like. `ordinary`
    are texts within the domain of which no intent is known. `version` names the data. `answered_by` gives the articles
    that answer a text, none for what nothing answers; of a text that it lacks that is not known.
    """

    intents: tuple[str, ...]
    texts: tuple[str, ...]
    labels: tuple[int, ...]
    languages: tuple[str, ...]
    version: str
    support: tuple[tuple[str, int], ...] = ()
    ordinary: tuple[str, ...] = ()
    answered_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def articles(self) -> tuple[str, ...]:
        """The articles named as answers, in order of their names."""
        counted = Counter(name for names in self.answered_by.values() for name in set(names))
        return tuple(sorted(name for name, _ in counted.most_common(ARTICLES_MAX)))


def of_pack(pack: Pack) -> Examples:
    """The pack's own examples."""
    names = tuple(intent.id for intent in pack.intents)
    labelled = [(one.text, k) for k, intent in enumerate(pack.intents) for one in intent.examples]
    labelled += [(one.text, OUTSIDE) for one in pack.out_of_scope]
    support = tuple(
        (text, k)
        for k, intent in enumerate(pack.intents)
        for text in (intent.title, intent.description, *map(_spoken, intent.articles))
    )
    answered_by = {one.text: one.articles for intent in pack.intents for one in intent.examples if one.articles}
    answered_by |= {one.text: () for one in pack.out_of_scope}
    answered_by |= {_spoken(article): (article,) for intent in pack.intents for article in intent.articles}
    return Examples(
        intents=names,
        texts=tuple(text for text, _ in labelled),
        labels=tuple(label for _, label in labelled),
        languages=pack.languages,
        version=f"{pack.name}-{training_hash(pack)}",
        support=support,
        ordinary=pack.ordinary,
        answered_by=answered_by,
    )


def _spoken(article: str) -> str:
    return article.replace("-", " ")


def with_feedback(examples: Examples, records: Iterable[FeedbackRecorded], pack: Pack) -> tuple[Examples, int]:
    """The examples and what people's decisions add to them, and how many that were.

    A draft that a person approved or edited confirms the intent that it was made for. A case handed to another queue
    is of the likeliest intent of that queue. One rejected since it needs no reply is out of scope. What policy decided
    by itself teaches nothing: it would repeat the model's own mistakes. The newest decision on a text counts. A draft
    approved as it was also confirms the article that it cites first.
    """
    known = set(examples.texts)
    added: dict[str, int] = {}
    answered_by = dict(examples.answered_by)
    for record in sorted(records, key=lambda one: (one.occurred_at, one.event_id)):
        text, label = record.ticket.text[:TEXT_CHARACTERS_MAX], _label(record, pack)
        if label is not None and text and text not in known and len(added) < EXAMPLES_MAX:
            added[text] = label
            # Of an earlier decision on the same text nothing stays.
            answered_by.pop(text, None)
            if (articles := _articles(record, label)) is not None:
                answered_by[text] = articles
    if not added:
        return examples, 0
    learned = [(text, label, answered_by.get(text)) for text, label in sorted(added.items())]
    digest = hashlib.sha256(json.dumps(learned).encode()).hexdigest()[:8]
    return replace(
        examples,
        texts=(*examples.texts, *added),
        labels=(*examples.labels, *added.values()),
        version=f"{examples.version}-{digest}",
        answered_by=answered_by,
    ), len(added)


def _articles(record: FeedbackRecorded, label: int) -> tuple[str, ...] | None:
    """The article that a person confirmed, none for what is out of scope, None where nothing is known."""
    if label == OUTSIDE:
        return ()
    if record.decision.action != "approve" or not record.draft.citations:
        return None
    cited = record.draft.citations[0].evidence_id
    return next(
        ((article_of(one.document_id, one.language),) for one in record.context.evidence if one.evidence_id == cited),
        None,
    )


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
