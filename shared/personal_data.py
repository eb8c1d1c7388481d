"""Finds personal data and secrets in free text by pattern and checksum, and replaces it by tokens.

IP addresses, host names and the like stay: support cannot work without them. Checksums: Luhn (ISO/IEC 7812-1) for
cards, mod 97 (ISO 13616) for IBANs.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

TOKEN = re.compile(r"\[(?:EMAIL|PHONE|CARD|IBAN|SECRET)_\d{1,4}\]")
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


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and _luhn(digits)


def _is_iban(text: str) -> bool:
    compact = re.sub(r"\s", "", text).upper()
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


def _is_phone(text: str) -> bool:
    return 8 <= len(re.sub(r"\D", "", text)) <= 15


def _always(_: str) -> bool:
    return True


_PATTERNS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    (
        "SECRET",
        re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,8000}?(?:-----END [A-Z ]{0,30}-----|\Z)", re.DOTALL),
        _always,
    ),
    (
        "SECRET",
        re.compile(
            r"\b(?:nq[pd]_|sk-|sk_live_|rk_live_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|whsec_|AKIA|ASIA)[A-Za-z0-9_\-+/=]{10,200}"
        ),
        _always,
    ),
    ("SECRET", re.compile(r"\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,1000}"), _always),
    ("SECRET", re.compile(r"(?i)(?<=://)[^\s:/@]{1,100}:[^\s/@]{1,200}(?=@)"), _always),
    (
        "SECRET",
        re.compile(
            r"(?i)\b(?:password|passwort|contraseña|mot de passe|passwd|pwd)\s*(?:is|ist|es|est|[:=])\s*(\S{4,100})"
        ),
        _always,
    ),
    ("EMAIL", re.compile(r"[A-Za-z0-9._%+\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.){1,6}[A-Za-z]{2,24}"), _always),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{1,4}){3,8}\b"), _is_iban),
    ("CARD", re.compile(r"(?<![\d.\-])(?:\d[ \-]?){12,18}\d(?![\d.])"), _is_card),
    (
        "PHONE",
        re.compile(r"(?<![\w.])\+\d{1,3}[ .\-/]?(?:\(\d{1,5}\)[ .\-/]?)?(?:\d{1,5}[ .\-/]?){2,6}\d(?!\w)"),
        _is_phone,
    ),
    (
        "PHONE",
        re.compile(r"(?<![\w.\-])(?:\(\d{2,5}\)|0\d{1,4})[ .\-/]\d{2,5}(?:[ .\-/]\d{2,5}){1,3}(?![\w.\-])"),
        _is_phone,
    ),
)


def find_personal_data(text: str) -> list[PersonalData]:
    """Personal data in the first 400,000 characters of `text`, in order, without overlaps."""
    found: list[PersonalData] = []
    for kind, pattern, holds in _PATTERNS:
        for match in pattern.finditer(text[:_TEXT_MAX]):
            start, end = match.span(1) if pattern.groups else match.span()
            overlaps = any(start < other.end and other.start < end for other in found)
            if not overlaps and holds(text[start:end]):
                found.append(PersonalData(start, end, kind))
    return sorted(found, key=lambda span: span.start)


def tokenise(text: str, originals: dict[str, str]) -> str:
    """`text` with personal data replaced by tokens such as `[EMAIL_1]`; the same original gets the same token.

    Args:
        text: any text.
        originals: token to original; entries are added.
    """
    tokens = {original: token for token, original in originals.items()}
    parts, position = [], 0
    for span in find_personal_data(text):
        original = text[span.start : span.end]
        if original not in tokens:
            number = sum(token.startswith(f"[{span.kind}_") for token in originals) + 1
            tokens[original] = f"[{span.kind}_{number}]"
            originals[tokens[original]] = original
        parts += [text[position : span.start], tokens[original]]
        position = span.end
    return "".join([*parts, text[position:]])


def restore(text: str, originals: dict[str, str]) -> str:
    """`text` with tokens replaced by their originals; unknown tokens stay."""
    return TOKEN.sub(lambda match: originals.get(match.group(), match.group()), text)
