"""How well personal data is found: labelled spans against those that intake would find in the same text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.evaluation.data import DataUnreadable, rows
from infra.evaluation.result import Evaluation, Progress
from shared.personal_data import REPLACED, PersonalData, find_personal_data

# The names that labelled sets use (Microsoft Presidio's and its research generator's), and ours for the same thing.
KINDS: Mapping[str, str] = {
    "PERSON": "NAME",
    "ADDRESS": "ADDRESS",
    "STREET_ADDRESS": "ADDRESS",
    "STREET_NAME": "ADDRESS",
    "BUILDING_NUMBER": "ADDRESS",
    "SECONDARY_ADDRESS": "ADDRESS",
    "ZIP_CODE": "ADDRESS",
    "LOCATION": "LOCATION",
    "GPE": "LOCATION",
    "CITY": "LOCATION",
    "COUNTRY": "LOCATION",
    "STATE": "LOCATION",
    "ORGANIZATION": "ORGANIZATION",
    "ORG": "ORGANIZATION",
    "CREDIT_CARD": "CARD",
    "PHONE_NUMBER": "PHONE",
    "DATE_TIME": "DATE",
    "DATE": "DATE",
    "EMAIL_ADDRESS": "EMAIL",
    "US_SSN": "SSN",
    "IBAN_CODE": "IBAN",
    "DOMAIN_NAME": "URL",
    "URL": "URL",
    "IP_ADDRESS": "IP",
    "TITLE": "JOB",
    "PREFIX": "HONORIFIC",
    "US_DRIVER_LICENSE": "LICENSE",
}
OVERLAP_MIN = 0.5


def kind_of(label: str) -> str:
    """Our kind for a set's label; a label that stands for nothing we know is its own kind, and is always missed."""
    return KINDS.get(label, label)


def gold_spans(row: Mapping[str, Any], place: str) -> list[PersonalData]:
    """The labelled spans of a row, in our kinds.

    Raises:
        DataUnreadable: a span is not `[start, end, type]` inside the text.
    """
    text, spans = row["text"], row["spans"]
    if not isinstance(text, str) or not isinstance(spans, list):
        raise DataUnreadable(f"{place}: text is no string, or spans is no list")
    found = []
    for span in spans:
        match span:
            case [int(start), int(end), str(label)] if 0 <= start < end <= len(text):
                found.append(PersonalData(start, end, kind_of(label)))
            case _:
                raise DataUnreadable(f"{place}: a span is not [start, end, type] inside the text")
    return sorted(found, key=lambda one: one.start)


def matched(gold: Sequence[PersonalData], found: Sequence[PersonalData]) -> list[tuple[int, int]]:
    """Pairs of places in `gold` and `found` of one kind that overlap by at least half of what they cover together.

    Each is in one pair at most, the greatest overlap first.
    """
    overlaps = sorted(
        (-_overlap(one, other), k, j)
        for k, one in enumerate(gold)
        for j, other in enumerate(found)
        if one.kind == other.kind and one.start < other.end and other.start < one.end
    )
    pairs: list[tuple[int, int]] = []
    taken_gold, taken_found = set(), set()
    for overlap, k, j in overlaps:
        if -overlap >= OVERLAP_MIN and k not in taken_gold and j not in taken_found:
            pairs.append((k, j))
            taken_gold.add(k)
            taken_found.add(j)
    return pairs


def _overlap(one: PersonalData, other: PersonalData) -> float:
    common = min(one.end, other.end) - max(one.start, other.start)
    return common / (max(one.end, other.end) - min(one.start, other.start))


class Tally:
    """Counts of right, labelled and found spans by kind, and of characters whatever the kind."""

    def __init__(self) -> None:
        self.right: Counter[str] = Counter()
        self.gold: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.characters = Counter(gold=0, found=0, both=0, secret=0, replaced=0)

    def add(self, gold: Sequence[PersonalData], found: Sequence[PersonalData]) -> None:
        """Counts one text."""
        self.gold.update(one.kind for one in gold)
        self.found.update(one.kind for one in found)
        self.right.update(gold[k].kind for k, _ in matched(gold, found))
        labelled, marked = _covered(gold), _covered(found)
        secret = _covered([one for one in gold if one.kind in REPLACED])
        replaced = _covered([one for one in found if one.kind in REPLACED])
        self.characters.update(
            gold=len(labelled),
            found=len(marked),
            both=len(labelled & marked),
            secret=len(secret),
            replaced=len(secret & replaced),
        )

    def kind(self, kind: str) -> dict[str, float]:
        """Precision, recall, F2 and number of labelled spans of one kind."""
        return {**_scores(self.right[kind], self.gold[kind], self.found[kind]), "count": self.gold[kind]}

    def figures(self) -> dict[str, Any]:
        """What `handrail eval pii --json` prints, without the kinds."""
        characters = self.characters
        return {
            **_scores(self.right.total(), self.gold.total(), self.found.total()),
            "masked_precision": _share(characters["both"], characters["found"]),
            "masked_recall": _share(characters["both"], characters["gold"]),
            "replaced_recall": _share(characters["replaced"], characters["secret"]),
            "spans": self.gold.total(),
        }


def _covered(spans: Sequence[PersonalData]) -> set[int]:
    return {place for one in spans for place in range(one.start, one.end)}


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _scores(right: int, gold: int, found: int) -> dict[str, float]:
    """F2 weighs recall twice as much as precision (van Rijsbergen, "Information Retrieval", 1979)."""
    return {
        "precision": _share(right, found),
        "recall": _share(right, gold),
        "f2": _share(5 * right, 4 * gold + found),
    }


_MATCH = (
    "A found span is right where a labelled span of the same type overlaps it by at least half of what both cover "
    "together (intersection over union ≥ 0.5), each counted once. precision, recall and f2 count all types together."
)
_MASKED = (
    "masked_precision and masked_recall count characters whatever their type; replaced_recall is, of the characters of "
    "those types that intake replaces by tokens, the share that is found as one of them."
)


def evaluate(data: Path, progress: Progress) -> Evaluation:
    """Finds personal data in the `text` of each row of `data` and compares with its `spans` ([start, end, type]).

    Raises:
        DataUnreadable: the file is missing or malformed.
    """
    tally, labels = Tally(), Counter[str]()
    for number, row in enumerate(progress(rows(data, ("text", "spans")), "finding personal data"), start=1):
        gold = gold_spans(row, f"{data}, row {number}")
        labels.update(label for *_, label in row["spans"])
        tally.add(gold, find_personal_data(row["text"]))
    names = {kind_of(label): label for label, _ in reversed(labels.most_common())}
    table = {names.get(kind, kind): tally.kind(kind) for kind in sorted(tally.gold.keys() | tally.found.keys())}
    return Evaluation(figures={**tally.figures(), "per_type": table}, table=table, notes=(_MATCH, _MASKED))
