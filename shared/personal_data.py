"""Finds personal data and secrets in free text by pattern and checksum, and replaces it by tokens.

IP addresses, host names and the like stay: support cannot work without them. Checksums: Luhn (ISO/IEC 7812-1) for
cards, mod 97 (ISO 13616) for IBANs.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

TOKEN = re.compile(r"\[(?:EMAIL|PHONE|CARD|IBAN|SECRET)_\d{1,5}\]")
_TEXT_MAX = 400_000


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The span `[start, end)` of a text that holds personal data of a kind."""

    start: int
    end: int
    kind: str


def _luhn(digits: str) -> bool:
    numbers = [int(digit) for digit in reversed(digits)]
    doubled = [sum(divmod(2 * number, 10)) for number in numbers[1::2]]
    return (sum(numbers[::2]) + sum(doubled)) % 10 == 0


Span = tuple[int, int]
_CARD_GROUPS = re.compile(r"(?<!\d)(?:\d{4}(?:[ \-]\d{4}){3}|\d{4}[ \-]\d{6}[ \-]\d{5})(?!\d)")


def _whole(text: str) -> Span | None:
    return (0, len(text)) if text else None


def _card(text: str) -> Span | None:
    """Other numbers may stand before or behind, so that groups as they are printed on cards are tried too."""
    for start, end in ((0, len(text)), *(match.span() for match in _CARD_GROUPS.finditer(text))):
        digits = re.sub(r"\D", "", text[start:end])
        if 13 <= len(digits) <= 19 and len(set(digits)) > 1 and _luhn(digits):
            return start, end
    return None


def _iban(text: str) -> Span | None:
    """Words in capitals may follow the number, so that shorter and shorter beginnings are tried."""
    for end in range(len(text), 0, -1):
        if text[end : end + 1].strip():
            continue
        compact = text[:end].replace(" ", "")
        number = "".join(str(int(char, 36)) for char in compact[4:] + compact[:4])
        if 15 <= len(compact) <= 34 and int(number) % 97 == 1:
            return 0, end
    return None


def _phone(text: str) -> Span | None:
    return (0, len(text)) if 8 <= len(re.sub(r"\D", "", text)) <= 15 else None


# For each kind a pattern, and what says which part of a match is really of that kind.
_PATTERNS: tuple[tuple[str, re.Pattern[str], Callable[[str], Span | None]], ...] = (
    (
        "SECRET",
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!----)){0,8000}+(?:-----END [A-Z ]{0,30}-----|\Z)"
        ),
        _whole,
    ),
    (
        "SECRET",
        re.compile(
            r"\b(?:nq[pd]_|sk-|sk_live_|rk_live_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|whsec_|AKIA|ASIA)[A-Za-z0-9_\-+/=]{10,200}"
        ),
        _whole,
    ),
    ("SECRET", re.compile(r"\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,1000}"), _whole),
    ("SECRET", re.compile(r"(?i)(?<=://)[^\s:/@]{1,100}:[^\s/@]{1,200}(?=@)"), _whole),
    (
        "SECRET",
        re.compile(
            r"(?i)\b(?:password|passwort|contraseña|mot de passe|passwd|pwd)\s*(?:is|ist|es|est|[:=])\s*(\S{4,100})"
        ),
        _whole,
    ),
    ("EMAIL", re.compile(r"[A-Za-z0-9._%+\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.){1,6}[A-Za-z]{2,24}"), _whole),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b"), _iban),
    ("CARD", re.compile(r"(?<![\d.\-])(?:\d[ \-]?){12,18}\d(?![\d.])"), _card),
    (
        "PHONE",
        re.compile(r"(?<![\w.])\+\d{1,3}[ .\-/]?(?:\(\d{1,5}\)[ .\-/]?)?(?:\d{1,5}[ .\-/]?){2,6}\d(?!\w)"),
        _phone,
    ),
    (
        "PHONE",
        re.compile(r"(?<![\w.\-])(?:\(\d{2,5}\)|0\d{1,4})[ .\-/]\d{2,5}(?:[ .\-/]\d{2,5}){1,3}(?![\w.\-])"),
        _phone,
    ),
)


def find_personal_data(text: str) -> list[PersonalData]:
    """Personal data in the first 400,000 characters of `text`, in order, without overlaps."""
    found: list[PersonalData] = []
    unclaimed = text[:_TEXT_MAX]
    for kind, pattern, part_of in _PATTERNS:
        spans = list(_spans(unclaimed, pattern, part_of))
        found += [PersonalData(start, end, kind) for start, end in spans]
        unclaimed = _without(unclaimed, spans)
    return sorted(found, key=lambda span: span.start)


def _spans(text: str, pattern: re.Pattern[str], part_of: Callable[[str], Span | None]) -> Iterator[Span]:
    position = 0
    while match := pattern.search(text, position):
        first, last = match.span(1) if pattern.groups else match.span()
        part = part_of(text[first:last])
        if part is None:
            # The real one may begin within what only looked like one; with a checksum that is told safely.
            position = match.start() + 1 if part_of in (_card, _iban) else match.end()
        else:
            yield first + part[0], first + part[1]
            position = first + part[1]


def _without(text: str, spans: list[Span]) -> str:
    """The text, as long as before, with line ends in place of the spans: no pattern goes across one."""
    parts, position = [], 0
    for start, end in spans:
        parts += [text[position:start], "\n" * (end - start)]
        position = end
    return "".join([*parts, text[position:]])


def tokenise(text: str, originals: dict[str, str]) -> str:
    """`text` with personal data replaced by tokens such as `[EMAIL_1]`; the same original gets the same token.

    Args:
        text: any text.
        originals: token to original; entries are added.
    """
    tokens = {original: token for token, original in originals.items()}
    numbers = Counter(token[1:].partition("_")[0] for token in originals)
    parts, position = [], 0
    for span in find_personal_data(text):
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
