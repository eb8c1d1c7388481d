"""PDF as Markdown: paragraphs put together again from lines, headings told by their size."""

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from services.retrieval.adapters.sources.markup import Unconvertible

PAGES_MAX = 2_000
TEXT_CHARACTERS_MAX = 2_000_000
_HEADING_CHARACTERS_MAX = 150
_HEADING_LEVELS = 3
_LARGER = 1.15
_ITEM = re.compile(r"\s*(?:[-•●▪◦*–]|\d{1,3}[.)])\s+")
_BULLET = re.compile(r"^\s*[•●▪◦–]\s*")
_ENDS = re.compile(r"[.!?:。！？]\s*$")

Fragment = tuple[str, float]


def pdf_to_markdown(content: bytes) -> dict[str, str]:
    """The document's text under `text`, with its `title` where it names one.

    Lines whose letters are larger than the document's usual ones become headings, the largest of the first level.

    Raises:
        Unconvertible: it is encrypted, has too many pages, is malformed, or has no text (as a scan has none).
    """
    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unconvertible("is protected by a password")
        if len(reader.pages) > PAGES_MAX:
            raise Unconvertible(f"has more than {PAGES_MAX} pages")
        pages = [_page(page) for page in reader.pages]
    except PyPdfError as error:
        raise Unconvertible(f"is no intact PDF ({type(error).__name__})") from error
    if sum(len(text) for text, _ in pages) > TEXT_CHARACTERS_MAX:
        raise Unconvertible(f"holds more than {TEXT_CHARACTERS_MAX} characters")
    levels = _levels(fragment for _, fragments in pages for fragment in fragments)
    text = "\n\n".join(filter(None, (_paragraphs(text, levels) for text, _ in pages)))
    if not text:
        raise Unconvertible("holds no text; it may be a scan")
    return {"text": text + "\n", "title": _title(reader)}


def _page(page: Any) -> tuple[str, list[Fragment]]:
    """The page's text, and the pieces it was set in with the size of their letters in points."""
    fragments: list[Fragment] = []

    def visit(text: str, matrix: list[float], text_matrix: list[float], _: object, size: float) -> None:
        words = " ".join(text.split())
        if words:
            scale = abs(text_matrix[3] or text_matrix[1]) * (abs(matrix[3] or matrix[1]) or 1.0)
            fragments.append((words, round(size * (scale or 1.0), 1)))

    return page.extract_text(visitor_text=visit) or "", fragments


def _levels(fragments: Iterable[Fragment]) -> dict[str, int]:
    """Texts that are set larger than most of the document, with the level of heading that this makes them."""
    sizes: Counter[float] = Counter()
    sized: list[Fragment] = []
    for text, size in fragments:
        sizes[size] += len(text)
        sized.append((text, size))
    if not sizes:
        return {}
    usual = sizes.most_common(1)[0][0]
    larger = sorted({size for size in sizes if size >= usual * _LARGER}, reverse=True)
    level = {size: min(place, _HEADING_LEVELS) for place, size in enumerate(larger, start=1)}
    return {text: level[size] for text, size in sized if size in level and len(text) <= _HEADING_CHARACTERS_MAX}


def _paragraphs(text: str, levels: dict[str, int]) -> str:
    """The page's lines as paragraphs, list items and headings, with blank lines between."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    width = max((len(line) for line in lines), default=0)
    return "\n\n".join(_joined(lines, levels, width))


def _joined(lines: list[str], levels: dict[str, int], width: int) -> Iterator[str]:
    block = ""
    for line in lines:
        heading = levels.get(line)
        # A short line that ends like a sentence ends its paragraph.
        ended = not block or (bool(_ENDS.search(block)) and len(block.rpartition("\n")[2]) < 0.8 * width)
        if block and (not line or heading or ended or _ITEM.match(line)):
            yield block.replace("\n", " ")
            block = ""
        if heading:
            yield f"{'#' * heading} {line}"
        elif block.endswith("-") and line[:1].islower():
            block = block[:-1] + line
        elif line:
            block = f"{block}\n{line}" if block else _BULLET.sub("- ", line)
    if block:
        yield block.replace("\n", " ")


def _title(reader: PdfReader) -> str:
    title = reader.metadata.title if reader.metadata else None
    return " ".join(str(title or "").split())[:500]
