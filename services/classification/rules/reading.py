"""What of a ticket its meaning is read from: the title, and the prose without code, templates and markup."""

import re
from dataclasses import dataclass

RAW_CHARACTERS_MAX = 4_000
HEAD_CHARACTERS_MAX = 200
# Beyond this, what a customer wants has been said, and each further character costs time (see the README's figures).
PROSE_CHARACTERS_MAX = 600
_CLEANED_CHARACTERS_MAX = 12_000

_SUBJECT = re.compile(r"\A\s*(?:subject|betreff|objet|asunto)\s*:[ \t]*", re.IGNORECASE)
# Each closing part is looked for within a bound, so that a text of opening signs alone costs no more than its length.
_NO_PROSE = (
    re.compile(r"```.{0,6000}?(?:```|\Z)", re.DOTALL),
    re.compile(r"<!--.{0,2000}?(?:-->|\Z)", re.DOTALL),
    re.compile(r"https?://[^\s>)\]]{1,500}"),
    re.compile(r"<[^>\n]{1,200}>"),
)
_RESPONSE_EMPTY = re.compile(r"_No response_", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """`head` is the title, or the whole where there is none; `prose` is title and body; `raw` the bare beginning, and
    `body` that without the title."""

    head: str
    prose: str
    raw: str
    body: str


def read(text: str) -> Reading:
    """The parts of `text` that its meaning is read from; all bounded, all empty for an empty text."""
    raw = text.strip()[:RAW_CHARACTERS_MAX]
    beginning = _SUBJECT.sub("", text.strip()[:_CLEANED_CHARACTERS_MAX])
    title, _, body = beginning.partition("\n\n")
    if not body or len(title) > HEAD_CHARACTERS_MAX or "\n" in title:
        prose = _prose(beginning)
        return Reading(prose, prose, raw, raw)
    prose = f"{title.strip()}. {_prose(body)}"[:PROSE_CHARACTERS_MAX]
    return Reading(title.strip(), prose, raw, raw.partition("\n\n")[2])


def _prose(text: str) -> str:
    """Without code, comments, addresses and tags; all of it again where nothing else is left."""
    left = text
    for pattern in _NO_PROSE:
        left = pattern.sub(" ", left)
    left = " ".join(_RESPONSE_EMPTY.sub(" ", left).split())
    return (left or " ".join(text.split()))[:PROSE_CHARACTERS_MAX]
