"""Reads the content of one file or page, whatever its format, as an article."""

import codecs
import re
from pathlib import PurePosixPath
from typing import Any, Literal

import yaml

from services.retrieval.adapters.sources.articles import KnowledgeUnreadable, article
from services.retrieval.adapters.sources.converter import Converter
from services.retrieval.rules.passages import Document

Format = Literal["markdown", "text", "html", "pdf"]

# Text is small; a PDF is mostly pictures.
BYTES_MAX: dict[Format, int] = {"markdown": 2_000_000, "text": 2_000_000, "html": 5_000_000, "pdf": 30_000_000}
_BY_SUFFIX: dict[str, Format] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "markdown",
    ".txt": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
}
_BY_TYPE: dict[str, Format] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/pdf": "pdf",
    "text/plain": "text",
    "text/markdown": "markdown",
}
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
          (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip


def format_of_name(name: str) -> Format | None:
    """The format that a file's name tells, or None where it is none of ours."""
    return _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())


def format_of_type(content_type: str) -> Format | None:
    """The format that a `Content-Type` tells, or None where it is none of ours."""
    return _BY_TYPE.get(content_type.partition(";")[0].strip().lower())


def charset_of_type(content_type: str) -> str:
    """The charset that a `Content-Type` names, or an empty text."""
    found = re.search(r"charset=[\"']?([\w.:-]{1,40})", content_type, re.IGNORECASE)
    return found.group(1) if found else ""


def read_content(
    document_id: str,
    content: bytes,
    format_: Format,
    *,
    place: str,
    converter: Converter,
    url: str = "",
    charset: str = "",
    fields: dict[str, Any] | None = None,
) -> Document:
    """The article that `content` is; its text is Markdown, or plain text as it was.

    Args:
        document_id: the article's id.
        content: the bytes of the file or page.
        format_: what they are.
        place: how to call it in a message.
        converter: reads HTML and PDF.
        url: where the page came from; its relative links are resolved with it.
        charset: of the transport, for HTML and text; empty where unknown.
        fields: what is known of the article already; goes before what the content says.

    Raises:
        KnowledgeUnreadable: it is too large, binary, malformed, or takes too long to read.
    """
    if len(content) > BYTES_MAX[format_]:
        raise KnowledgeUnreadable(f"{place} is larger than {BYTES_MAX[format_]} bytes")
    known = {"url": url, **(fields or {})}
    if format_ in {"html", "pdf"}:
        read = converter.convert(format_, content, url=url, charset=charset, place=place)
        said = {"title": read.title, "language": read.language}
        return article(document_id, {**said, **known}, read.text, place)
    text = _decoded(content, charset, place)
    if format_ == "markdown":
        front, text = _front_matter(text, place)
        known = {**known, **front}
    return article(document_id, known, text, place)


def _decoded(content: bytes, charset: str, place: str) -> str:
    """Text in UTF-8, in UTF-16 or UTF-32 where it says so in its first bytes, else in the charset of the transport.

    An encoding is never guessed: a wrong guess would be stored, searched and sent to customers.
    """
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8"))
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        try:
            if not mark and charset and b"\x00" not in content:
                return content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            pass
        raise KnowledgeUnreadable(f"{place} is not UTF-8 text") from error


def _front_matter(text: str, place: str) -> tuple[dict[str, Any], str]:
    """The YAML between two lines of dashes at the top, and what follows."""
    front = _FRONT_MATTER.match(text)
    if not front:
        return {}, text
    try:
        fields = yaml.safe_load(front.group(1)) or {}
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise KnowledgeUnreadable(f"{place}: the front matter is not YAML") from error
    if not isinstance(fields, dict):
        raise KnowledgeUnreadable(f"{place}: the front matter is no mapping")
    return fields, text[front.end() :]
