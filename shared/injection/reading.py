"""Prepares hostile text for the detector: undoes disguises, and cuts it into segments that are looked at one by one."""

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote_plus

from shared.injection.cues import phrases_in

CHARACTERS_MAX = 12_000
SEGMENT_CHARACTERS_MAX = 300
SEGMENTS_MAX = 120
CLOSELY_READ_MAX = 24
_SEGMENT_CHARACTERS_MIN = 12
_DECODED_MAX = 4
_RUN_MAX = 4

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")
# Letters of other alphabets that look like Latin ones; only words that mix alphabets are rewritten.
_LOOKS_LIKE = str.maketrans("аеорсухіјѕԁһӏАВЕКМНОРСТХІαοινρτυ", "aeopcyxijsdhlABEKMHOPCTXIaoivptu")
_MIXED = re.compile(r"\b(?=[^\W\d_]{0,30}[a-zA-Z])(?=[^\W\d_]{0,30}[\u0370-\u04ff])[^\W\d_]{2,31}\b")
_SPACED = re.compile(r"(?<!\S)(?:[^\W_] ){4,40}[^\W_](?!\S)(?:  ?(?:[^\W_] ){1,40}[^\W_](?!\S)){0,12}")
_BASE64 = re.compile(r"(?<![\w+/=])[A-Za-z0-9+/]{16,2000}={0,2}(?![\w+/=])")
_URL_ENCODED = re.compile(r"[?&]\w{1,40}=([\w.,:;!'*()+%-]{12,600})")
# Comments stay: what the page does not show is read by models all the same.
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")
_RUN = re.compile(r"(\S)\1{3,}")
_END = re.compile(r"(?<=[.!?。！？…])[\"'”’)\]]{0,3}(?:\s+|(?<=[。！？]))|(?<=[a-z][.!?])(?=[A-Z])|\n+|\s+\|\s+")


@dataclass(frozen=True)
class Reading:
    """A text made ready. `closely` are the numbers of the segments worth an embedding; none where there is only one."""

    text: str
    segments: tuple[str, ...]
    closely: tuple[int, ...]


def read(text: str) -> Reading:
    """The text without its disguises, and its segments.

    Of many, those at both ends and those with most phrases are read closely, so that the time is bounded.
    """
    plain = normalised(text)
    parts = segments(plain)
    numbers = list(range(len(parts))) if len(parts) > 1 else []
    if len(parts) > CLOSELY_READ_MAX:
        third = CLOSELY_READ_MAX // 3
        middle = sorted(range(third, len(parts) - third), key=lambda number: -phrases_in(parts[number]))
        numbers = sorted([*range(third), *range(len(parts) - third, len(parts)), *middle[:third]])
    return Reading(plain, tuple(parts), tuple(numbers))


def normalised(text: str) -> str:
    """The beginning and the end of `text`, at most CHARACTERS_MAX, without the usual disguises.

    Compatibility forms and mixed alphabets become plain letters, invisible signs go, letters set apart are joined;
    what was encoded (base64, URLs) follows decoded, each on a line of its own.
    """
    half = CHARACTERS_MAX // 2
    read = text if len(text) <= CHARACTERS_MAX else f"{text[:half]}\n{text[-half:]}"
    read = unicodedata.normalize("NFKC", read.encode("utf-8", "replace").decode())[: 2 * CHARACTERS_MAX]
    read = _INVISIBLE.sub("", read)
    read = _MIXED.sub(lambda match: match.group().translate(_LOOKS_LIKE), read)
    read = _SPACED.sub(lambda match: _joined(match.group()), read)
    read = _RUN.sub(lambda match: match.group()[:_RUN_MAX], read)
    return "\n".join([read, *_decoded(read)])


def _joined(letters: str) -> str:
    """Words whose letters stood apart; two spaces, or nothing better, tell the words."""
    return " ".join(word.replace(" ", "") for word in letters.split("  "))


def _decoded(text: str) -> list[str]:
    found = [unquote_plus(match[1]) for match in _URL_ENCODED.finditer(text) if "+" in match[1] or "%20" in match[1]]
    for match in _BASE64.finditer(text):
        if readable := _from_base64(match.group()):
            found.append(readable)
        if len(found) >= _DECODED_MAX:
            break
    return found[:_DECODED_MAX]


def _from_base64(letters: str) -> str:
    stripped = letters.rstrip("=")
    try:
        decoded = base64.b64decode(stripped + "=" * (-len(stripped) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded if decoded.isprintable() and " " in decoded else ""


def segments(text: str) -> list[str]:
    """The sentences and lines of a normalised text, in order, at most SEGMENTS_MAX; short ones join the one before."""
    plain = _TAG.sub("\n", text)
    found: list[str] = []
    for piece in _END.split(plain):
        for start in range(0, len(piece), SEGMENT_CHARACTERS_MAX):
            part = " ".join(piece[start : start + SEGMENT_CHARACTERS_MAX].split())
            if not part:
                continue
            short = found and min(len(part), len(found[-1])) < _SEGMENT_CHARACTERS_MIN
            if short and len(found[-1]) + len(part) < SEGMENT_CHARACTERS_MAX:
                found[-1] = f"{found[-1]} {part}"
            else:
                found.append(part)
    if len(found) > SEGMENTS_MAX:
        found = [*found[: SEGMENTS_MAX // 2], *found[-SEGMENTS_MAX // 2 :]]
    return found
