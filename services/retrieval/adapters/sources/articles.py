"""Makes articles of what sources deliver: the fields, their bounds, and what is said where they are broken."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

from services.retrieval.rules.characters import readable_text
from services.retrieval.rules.passages import Document
from shared.language import detect_language

DOCUMENT_CHARACTERS_MAX = 2_000_000
ID_CHARACTERS_MAX = 500
_FIRST_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
# BCP 47 (RFC 5646), or a locale of POSIX: two or three letters, then script, region and the like.
_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_.@][\w.@-]{0,60})?\Z")
_FIRST_LINE = re.compile(r"\S[^\n]*")
_DETECTED_CHARACTERS = 2_000
# Below this the language is taken to be English: a wrong one would be stemmed by the wrong rules.
_LANGUAGE_PROBABILITY_MIN = 0.9


class KnowledgeUnreadable(Exception):
    """The source holds no knowledge that can be read; the text says which file, line or address, and why."""


def article(document_id: str, fields: Mapping[str, object], text: str, place: str) -> Document:
    """The article of that id and text; `fields` may give title, url, language, audience and updated (a date).

    Raises:
        KnowledgeUnreadable: a field breaks its bounds; `place` says where.
    """
    if not 0 < len(document_id) <= ID_CHARACTERS_MAX:
        raise KnowledgeUnreadable(f"{place}: the id must have 1 to {ID_CHARACTERS_MAX} characters")
    if "\x00" in text + document_id:
        raise KnowledgeUnreadable(f"{place}: binary content")
    if len(text) > DOCUMENT_CHARACTERS_MAX:
        raise KnowledgeUnreadable(f"{place}: the text is longer than {DOCUMENT_CHARACTERS_MAX} characters")
    audience = str(fields.get("audience") or "customer")
    if audience not in {"customer", "internal"}:
        raise KnowledgeUnreadable(f"{place}: audience must be `customer` or `internal`")
    kept = readable_text(text)
    return Document(
        document_id=document_id,
        title=_title(fields, kept) or document_id,
        text=kept,
        url=_line(fields.get("url"))[:2000],
        language=_named_language(fields.get("language")) or _language(kept),
        audience="internal" if audience == "internal" else "customer",
        updated_at=_instant(fields.get("updated"), place),
    )


def _title(fields: Mapping[str, object], text: str) -> str:
    """The title given, else the first heading, else the first line."""
    found = _FIRST_HEADING.search(text) or _FIRST_LINE.search(text)
    derived = (found.group(1) if found.re is _FIRST_HEADING else found.group(0)) if found else ""
    return (_line(fields.get("title")) or _line(derived)[:120])[:500]


def _line(value: object) -> str:
    text = readable_text(str(value if value is not None else ""))
    return " ".join(text.replace("\x00", " ").split())


def _named_language(value: object) -> str:
    """The language of a tag such as `de`, `de-AT` or `pt_BR`, without its region; empty where it is no tag."""
    found = _TAG.match(_line(value))
    return found[1].lower() if found else ""


def _language(text: str) -> str:
    language, probability = detect_language(text[:_DETECTED_CHARACTERS], ("en",))
    return language if probability >= _LANGUAGE_PROBABILITY_MIN else "en"


def _instant(value: object, place: str) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        moment = value if isinstance(value, date) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise KnowledgeUnreadable(f"{place}: `updated` is no date") from error
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
