"""Personal data that has a form of its own: addresses on the net, numbers with a checksum, secrets, dates.

Checksums: Luhn (ISO/IEC 7812-1) for cards, mod 97 (ISO 13616) for IBANs. Social security numbers: the areas, groups
and serials that the Social Security Administration gives out (SSA, "Social Security Number Randomization").
"""

import ipaddress
import re
from collections.abc import Callable, Iterator

Span = tuple[int, int]
PartOf = Callable[[str], Span | None]

# What tokens already stand for is found, so that nothing is looked for inside them.
PLACEHOLDER = "PLACEHOLDER"


def _luhn(digits: str) -> bool:
    numbers = [int(digit) for digit in reversed(digits)]
    doubled = [sum(divmod(2 * number, 10)) for number in numbers[1::2]]
    return (sum(numbers[::2]) + sum(doubled)) % 10 == 0


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


def _ip(text: str) -> Span | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return None
    return 0, len(text)


def _date(text: str) -> Span | None:
    """Day and month in either order; a number that can be neither makes it something else."""
    numbers = [int(number) for number in re.findall(r"\d+", text)[:3]]
    small = sorted(numbers)[:2]
    return (0, len(text)) if 1 <= small[0] <= 12 and 1 <= small[1] <= 31 else None


def _link(text: str) -> Span | None:
    return 0, len(text.rstrip(".,;:!?*_"))


_CALLED_SO = r"(?:password|passwort|contraseña|mot de passe|passwd|pwd)"
# "My password is wrong" tells what the question is, and no password.
_SAID_OF_THEM = (
    r"(?:(?:in)?correct[ao]?|(?:in)?valid[ao]?|(?:not|never|always|still|also|only|just|being|wrong|right|expired|missing|"
    r"needed|required|rejected|accepted|reset|sent|stored|weak|strong|safe|lost|gone|falsch|richtig|nicht|noch|nur|auch|"
    r"weg|ungültig|abgelaufen|vergessen|inválid[ao]|caducad[ao]|errone[ao]|erroné|expiré|refusé|oublié|perdu|with|that|"
    r"this|what|where|when|from|more|less|very|really|working|case[- ]sensitive))"
)
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"

# For each kind a pattern, and what says which part of a match is really of that kind. The first to claim a span has it.
PATTERNS: tuple[tuple[str, re.Pattern[str], PartOf], ...] = (
    (PLACEHOLDER, re.compile(r"\[[A-Z]{2,12}_\d{1,5}\]"), _whole),
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
    ("SECRET", re.compile(rf"(?i)\b{_CALLED_SO}\s*[:=]\s*(\S{{4,100}})"), _whole),
    ("SECRET", re.compile(rf"(?i)\b{_CALLED_SO}\s+(?:is|ist|es|est)\s+(?!{_SAID_OF_THEM}\b)(\S{{4,100}})"), _whole),
    ("EMAIL", re.compile(r"[A-Za-z0-9._%+\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.){1,6}[A-Za-z]{2,24}"), _whole),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b"), _iban),
    ("IBAN", re.compile(r"\b[a-z]{2}\d{2}(?=[a-z]{0,6}\d{8})[a-z0-9]{11,30}\b"), _iban),
    ("CARD", re.compile(r"(?<![\w.\-])(?:\d[ \-]?){12,18}\d(?!\w|\.\d)"), _card),
    ("IP", re.compile(r"(?<![\w.:])(?:\d{1,3}\.){3}\d{1,3}(?![\w:]|\.\w)"), _ip),
    ("IP", re.compile(r"(?<![\w.:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"), _ip),
    ("SSN", re.compile(r"(?<![\w\-.])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w\-])"), _whole),
    ("DATE", re.compile(r"(?<![\w.\-/])\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?(?![\w\-])"), _date),
    ("DATE", re.compile(r"(?<![\w.\-/])\d{1,2}([/.])\d{1,2}\1\d{4}(?![\w/])"), _date),
    (
        "DATE",
        re.compile(rf"\b\d{{1,2}}\.? {_MONTH},? \d{{4}}\b|\b{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}\b"),
        _whole,
    ),
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
    ("URL", re.compile(r"(?i)\b(?:https?://|www\.)[^\s<>\"'`)\]]{1,2000}"), _link),
)


def matches(text: str) -> list[tuple[int, int, str]]:
    """Start, end and kind of what the patterns find in `text`, in order, without overlaps; linear in its length."""
    found: list[tuple[int, int, str]] = []
    unclaimed = text
    for kind, pattern, part_of in PATTERNS:
        spans = list(_spans(unclaimed, pattern, part_of))
        found += [(start, end, kind) for start, end in spans]
        unclaimed = _without(unclaimed, spans)
    return sorted(found)


def _spans(text: str, pattern: re.Pattern[str], part_of: PartOf) -> Iterator[Span]:
    position = 0
    while match := pattern.search(text, position):
        first, last = match.span(1) if pattern.groups == 1 and part_of is not _date else match.span()
        part = part_of(text[first:last])
        if part is None:
            # The real one may begin within what only looked like one; with a checksum that is told safely.
            position = match.start() + 1 if part_of in (_card, _iban) else match.end()
        else:
            yield first + part[0], first + part[1]
            position = first + part[1]


def _without(text: str, spans: list[Span]) -> str:
    """The text, as long as before, with line ends in place of the spans: no pattern goes across one."""
    if not spans:
        return text
    parts, position = [], 0
    for start, end in spans:
        parts += [text[position:start], "\n" * (end - start)]
        position = end
    return "".join([*parts, text[position:]])
