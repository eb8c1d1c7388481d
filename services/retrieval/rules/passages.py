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
CHUNKING_VERSION = "2"
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+|(?<=[。！？])")
# Chinese, Japanese, Thai, Lao, Burmese and Khmer put no spaces between words; and a run of anything else has an end.
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_SOUTH_EAST = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_WORD = re.compile(rf"[{_UNSPACED}]{{1,2}}|[{_SOUTH_EAST}]{{1,5}}|[^\s{_UNSPACED}{_SOUTH_EAST}]{{1,120}}")
# Only where blocks begin and end is asked: what stands inside a line would cost most of the time, and definitions of
# links are text like any other.
_markdown = MarkdownIt("commonmark").enable("table").disable(["inline", "reference"])


@dataclass(frozen=True, kw_only=True)
class Document:
    """One article of a tenant's knowledge. Spans of evidence are offsets into `text`.

    `found_by` are words that the article is found by and that nobody is shown. `depends_on` are the ids of articles
    that its text was made from: when one of them changes or goes, this one goes too.
    """

    document_id: str
    title: str
    text: str
    url: str = ""
    language: str = "en"
    audience: Literal["customer", "internal"] = "customer"
    updated_at: datetime | None = None
    found_by: str = ""
    depends_on: tuple[str, ...] = ()

    def version(self, index_version: str) -> str:
        """Sixteen hexadecimal digits that change with anything of the article that the index keeps."""
        kept = (index_version, self.title, self.text, self.url, self.language, self.audience, str(self.updated_at),
                self.found_by, *self.depends_on)  # fmt: skip
        return hashlib.sha256("\x1f".join(kept).encode()).hexdigest()[:16]

    @property
    def index_title(self) -> str:
        """What each of its passages is found by besides its own words."""
        return f"{self.title}\n{self.found_by}" if self.found_by else self.title


@dataclass(frozen=True)
class Skipped:
    """An article that exists but was not read this time: what is known of it stays as it is.

    `reason` is a sentence for the operator; it is empty where there was no need to read the article.
    """

    document_id: str
    reason: str = ""


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
