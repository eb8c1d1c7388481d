"""Tickets, drafts and evidence as HTML. Their text is hostile: every piece is escaped here, and nothing is marked safe
that was not.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from admin_portal.review.tokens import TOKEN
from contracts.events import Citation, Draft

REFERENCE = re.compile(r"\s?\[(\d{1,2})\]")
QUOTE_CHARACTERS_MAX = 4000


@dataclass(frozen=True, slots=True)
class Mark:
    """The characters `[start, end)` of a text are of this kind: cited (by `number`) or unsupported."""

    start: int
    end: int
    kind: str
    number: int = 0


def plain_html(text: str) -> SafeString:
    """The text with its tokens as chips."""
    pieces: list[str] = []
    position = 0
    for found in TOKEN.finditer(text):
        pieces += [escape(text[position : found.start()]), _chip(found)]
        position = found.end()
    return mark_safe("".join([*pieces, escape(text[position:])]))  # noqa: S308  every piece is escaped


def _chip(found: re.Match[str]) -> str:
    name = found[1].replace("_", " ").lower()
    return format_html(
        '<span class="chip" title="Personal data, hidden here. The customer gets the original.">{} {}</span>',
        name,
        found[2],
    )


def draft_html(draft: Draft, unsupported: Iterable[str] = ()) -> SafeString:
    """The draft with each cited span marked and followed by its number, and with unsupported claims marked.

    A drafter may write `[1]` itself; then that becomes the number.
    """
    text = draft.text
    cited = {citation.number for citation in draft.citations}
    written = [found for found in REFERENCE.finditer(text) if int(found[1]) in cited]
    marks = [*_citation_marks(draft.citations, len(text)), *_claim_marks(text, unsupported)]
    edges = {0, len(text)} | {edge for mark in marks for edge in (mark.start, mark.end)}
    edges |= {edge for found in written for edge in found.span()}
    edges = {edge for edge in edges if not _inside_token(text, edge)}
    references = {found.start(): int(found[1]) for found in written}
    unwritten = [mark for mark in marks if mark.number and mark.number not in references.values()]
    pieces: list[str] = []
    ordered = sorted(edges)
    for start, end in pairwise(ordered):
        if start in references:
            pieces.append(_reference(references[start]))
        else:
            pieces.append(_marked(text[start:end], [mark for mark in marks if mark.start <= start and end <= mark.end]))
        pieces += [_reference(mark.number) for mark in unwritten if mark.end == end]
    return mark_safe("".join(pieces))  # noqa: S308  every piece is escaped


def _citation_marks(citations: Sequence[Citation], length: int) -> list[Mark]:
    return [
        Mark(citation.start, min(citation.end, length), "cited", citation.number)
        for citation in citations
        if citation.start < min(citation.end, length)
    ]


def _claim_marks(text: str, claims: Iterable[str]) -> list[Mark]:
    places = ((text.find(claim), claim) for claim in claims if claim)
    return [Mark(start, start + len(claim), "unsupported") for start, claim in places if start >= 0]


def _inside_token(text: str, edge: int) -> bool:
    return any(found.start() < edge < found.end() for found in TOKEN.finditer(text))


def _marked(text: str, marks: Sequence[Mark]) -> str:
    kinds = sorted({mark.kind for mark in marks})
    if not kinds:
        return plain_html(text)
    numbers = " ".join(str(mark.number) for mark in marks if mark.number)
    title = "No evidence supports this." if "unsupported" in kinds else ""
    return format_html(
        '<span class="{}" data-refs="{}" title="{}">{}</span>', " ".join(kinds), numbers, title, plain_html(text)
    )


def _reference(number: int) -> str:
    return format_html('<a class="ref" href="#evidence-{0}" data-ref="{0}" aria-label="Evidence {0}">{0}</a>', number)


def evidence_html(text: str, quotes: Iterable[str]) -> SafeString:
    """The passage with the quoted words marked; white space may differ between quote and passage."""
    spans = sorted(span for quote in quotes if (span := _find(text, quote)) is not None)
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        if start >= position:
            pieces += [plain_html(text[position:start]), format_html("<mark>{}</mark>", plain_html(text[start:end]))]
            position = end
    return mark_safe("".join([*pieces, plain_html(text[position:])]))  # noqa: S308  every piece is escaped


def _find(text: str, quote: str) -> tuple[int, int] | None:
    words = quote[:QUOTE_CHARACTERS_MAX].split()
    if not words:
        return None
    found = re.search(r"\s+".join(re.escape(word) for word in words), text)
    return found.span() if found else None
