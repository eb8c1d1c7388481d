"""How an article falls into passages."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from markdown_it import MarkdownIt

CHUNK_WORDS_MIN = 90
CHUNK_WORDS_MAX = 200
CHUNKING_VERSION = "1"
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")
_WORD = re.compile(r"\S+")
_markdown = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, kw_only=True)
class Document:
    """One article of a tenant's knowledge. Spans of evidence are offsets into `text`."""

    document_id: str
    title: str
    text: str
    url: str = ""
    language: str = "en"
    audience: Literal["customer", "internal"] = "customer"
    updated_at: datetime | None = None

    def version(self, index_version: str) -> str:
        """Sixteen hexadecimal digits that change with anything of the article that the index keeps."""
        kept = (index_version, self.title, self.text, self.url, self.language, self.audience, str(self.updated_at))
        return hashlib.sha256("\x1f".join(kept).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Chunk:
    """A passage: `[start, end)` of the article's text, and the headings it stands under, outermost first."""

    start: int
    end: int
    text: str
    headings: tuple[str, ...]

    @property
    def heading(self) -> str:
        """The path of headings as one line."""
        return " > ".join(self.headings)

    def indexed(self, title: str) -> str:
        """What the passage is found by: its words, and where it stands."""
        return "\n".join([title, *self.headings, self.text])


@dataclass(frozen=True)
class _Block:
    start: int
    end: int
    words: int
    headings: tuple[str, ...]
    is_heading: bool


def chunk_markdown(text: str) -> list[Chunk]:
    """The passages of a Markdown (or plain) text, in order, without overlap.

    Passages start at headings where they can, so that short sections share one and long sections are cut at the end of
    a block or sentence. `chunk.text == text[chunk.start:chunk.end]` holds for each.
    """
    groups: list[list[_Block]] = []
    words = 0
    for block in _blocks(text):
        full = words + block.words > CHUNK_WORDS_MAX
        if not groups or full or (block.is_heading and words >= CHUNK_WORDS_MIN):
            groups.append(_pulled_heading(groups))
            words = sum(moved.words for moved in groups[-1])
        groups[-1].append(block)
        words += block.words
    return [_chunk(text, group) for group in groups if group]


def _pulled_heading(groups: list[list[_Block]]) -> list[_Block]:
    """A heading that would end its group belongs to what follows."""
    if groups and len(groups[-1]) > 1 and groups[-1][-1].is_heading:
        return [groups[-1].pop()]
    return []


def _chunk(text: str, group: list[_Block]) -> Chunk:
    start, end = group[0].start, group[-1].end
    return Chunk(start, end, text[start:end], group[0].headings)


def _blocks(text: str) -> Iterator[_Block]:
    """Top-level Markdown blocks with their place; large ones cut at sentence ends."""
    offsets = _line_offsets(text)
    path: list[tuple[int, str]] = []
    tokens = _markdown.parse(text)
    for index, token in enumerate(tokens):
        if token.level != 0 or token.map is None or token.nesting < 0:
            continue
        is_heading = token.type == "heading_open"
        if is_heading:
            level = int(token.tag[1:])
            path = [*(entry for entry in path if entry[0] < level), (level, tokens[index + 1].content[:200])]
        span = _trimmed(text, offsets[token.map[0]], offsets[token.map[1]])
        headings = tuple(title for _, title in path)
        for start, end in _pieces(text, *span):
            yield _Block(start, end, len(_WORD.findall(text, start, end)), headings, is_heading)


def _line_offsets(text: str) -> list[int]:
    """Where each line begins, by the parser's idea of a line, and the length of the text at the end."""
    offsets = [0]
    offsets += [match.end() for match in re.finditer(r"\r\n|\n|\r", text)]
    return [*offsets, len(text), len(text)]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """`[start, end)` cut into pieces of at most CHUNK_WORDS_MAX words, at sentence or line ends where there are any."""
    words = list(_WORD.finditer(text, start, end))
    ends = {match.start() for match in _SENTENCE_END.finditer(text, start, end)}
    first = 0
    while len(words) - first > CHUNK_WORDS_MAX:
        last = first + CHUNK_WORDS_MAX - 1
        good = next((i for i in range(last, first + CHUNK_WORDS_MAX // 2, -1) if words[i].end() in ends), last)
        yield words[first].start(), words[good].end()
        first = good + 1
    if words:
        yield words[first].start(), words[-1].end()
