"""Finds personal data and secrets in free text, and replaces what must not travel by tokens.

What has a form of its own is found by pattern and checksum, the rest (names, addresses, …) by a small trained tagger;
where both find something, the pattern has it.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shared.personal_data.patterns import PLACEHOLDER, matches
from shared.personal_data.tagger import shipped_tagger

# The rest stays, because it carries the question: dates, places, organisations, job titles, links, IP addresses.
REPLACED = frozenset({"ADDRESS", "CARD", "EMAIL", "IBAN", "LICENSE", "NAME", "PHONE", "SECRET", "SSN"})
TOKEN = re.compile(rf"\[(?:{'|'.join(sorted(REPLACED))})_\d{{1,5}}\]")
_BY_PATTERN_MAX = 400_000
# The tagger takes about two milliseconds for a thousand characters; no message is longer than this.
_TAGGED_MAX = 100_000
_NEIGHBOURS_APART_MAX = 4
_SECRETS_MAX = 20
_REPEATS_MAX = 1_000
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The span `[start, end)` of a text that holds personal data of a kind."""

    start: int
    end: int
    kind: str


def find_personal_data(text: str) -> list[PersonalData]:
    """Personal data in `text`, in order, without overlaps.

    Kinds: those in `REPLACED`, and DATE, HONORIFIC, IP, JOB, LOCATION, ORGANIZATION, URL. Patterns look at the first
    400,000 characters, the tagger at the first 100,000.
    """
    by_pattern = matches(text[:_BY_PATTERN_MAX])
    inside = [span for span in by_pattern if span[1] <= _TAGGED_MAX]
    tagged = shipped_tagger().spans(text[: _tagged_end(by_pattern, len(text))], inside)
    found = by_pattern + [span for span in tagged if span[2] != "PHONE" or _callable(text[span[0] : span[1]])]
    return [PersonalData(start, end, kind) for start, end, kind in sorted(found) if kind != PLACEHOLDER]


def _callable(number: str) -> bool:
    """No number that can be called is longer (ITU-T E.164), and short ones are not those of persons."""
    return 5 <= sum(sign.isdigit() for sign in number) <= 15


def _tagged_end(by_pattern: Sequence[tuple[int, int, str]], length: int) -> int:
    """Where the tagger stops; not within what a pattern has found."""
    across = (start for start, end, _ in by_pattern if start < _TAGGED_MAX < end)
    return next(across, min(length, _TAGGED_MAX))


def find_replaced(text: str, known: Collection[str] = ()) -> list[PersonalData]:
    """The personal data in `text` that `tokenise` would replace.

    Names made of nothing but `known` words (in small letters: products, features) stay, single names in small letters
    where the writer uses capitals, and bare numbers that look like a part of an address without the rest of one beside.
    """
    found = find_personal_data(text)
    places = [span for span in found if span.kind in ("ADDRESS", "LOCATION")]
    starts, ends = {span.start for span in places}, {span.end for span in places}
    has_capitals = any(sign.isupper() for sign in text)

    def identifies(span: PersonalData) -> bool:
        words = _WORD.findall(text, span.start, span.end)
        if span.kind == "NAME":
            stands_out = len(words) > 1 or not has_capitals or not text[span.start : span.end].islower()
            return stands_out and any(word.lower() not in known for word in words)
        if span.kind == "ADDRESS" and not words:
            near = range(_NEIGHBOURS_APART_MAX)
            return any(span.end + gap in starts or span.start - gap in ends for gap in near)
        return span.kind in REPLACED

    return _with_repeats(text, [span for span in found if identifies(span)])


def _with_repeats(text: str, found: list[PersonalData]) -> list[PersonalData]:
    """A secret that stands in the text once more, where no word gives it away, is the same secret there."""
    secrets = sorted({text[span.start : span.end] for span in found if span.kind == "SECRET"}, key=len, reverse=True)
    if not secrets:
        return found
    repeats = re.compile("|".join(re.escape(one) for one in secrets[:_SECRETS_MAX]))
    taken = [(span.start, span.end) for span in found]
    more = [
        PersonalData(match.start(), match.end(), "SECRET")
        for match in repeats.finditer(text[:_BY_PATTERN_MAX])
        if all(match.end() <= start or end <= match.start() for start, end in taken)
    ]
    return sorted(found + more[:_REPEATS_MAX], key=lambda span: span.start)


def tokenise(text: str, originals: dict[str, str], known: Collection[str] = ()) -> str:
    """`text` with personal data replaced by tokens such as `[EMAIL_1]`; the same original gets the same token.

    Args:
        text: any text.
        originals: token to original; entries are added.
        known: words in small letters that are no one's name.
    """
    tokens = {original: token for token, original in originals.items()}
    numbers = Counter(token[1:].partition("_")[0] for token in originals)
    parts, position = [], 0
    for span in find_replaced(text, known):
        original = text[span.start : span.end]
        if original not in tokens:
            numbers[span.kind] += 1
            tokens[original] = f"[{span.kind}_{numbers[span.kind]}]"
            originals[tokens[original]] = original
        parts += [text[position : span.start], tokens[original]]
        position = span.end
    return "".join([*parts, text[position:]])


def restore(text: str, originals: dict[str, str]) -> str:
    """`text` with tokens replaced by their originals; unknown tokens stay."""
    return TOKEN.sub(lambda match: originals.get(match.group(), match.group()), text)
