"""Reads articles from a folder of Markdown or from a corpus file of JSON lines."""

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

import orjson
import yaml

from services.retrieval.rules.passages import Document

DOCUMENT_BYTES_MAX = 2_000_000
DOCUMENTS_MAX = 500_000
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FIRST_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_FIRST_LINE = re.compile(r"\S[^\n]*")


class KnowledgeUnreadable(Exception):
    """The path holds no knowledge that can be read; the text says which file or line, and why."""


def count_documents(path: Path) -> int:
    """How many articles `path` seems to hold, for a progress bar; 0 where it cannot be read."""
    if path.is_dir():
        return len(_markdown_files(path))
    try:
        with _opened(path) as lines:
            return sum(1 for line in lines if line.strip())
    except (OSError, EOFError):
        return 0


def read_documents(path: Path) -> Iterator[Document]:
    """The articles in `path`, a folder of `*.md` files or a file `*.jsonl` or `*.jsonl.gz`.

    A Markdown article's id is its path within the folder without `.md`; its text is what follows the front matter,
    which may give title, url, language, audience (`customer` or `internal`) and updated (a date).
    A line of JSON has `_id`, `title`, `text` and optionally the same fields.

    Raises:
        KnowledgeUnreadable: there is nothing to read, or a file or line is too large, binary or malformed.
    """
    if path.is_dir():
        return _from_folder(path)
    if path.is_file() and path.name.endswith((".jsonl", ".jsonl.gz")):
        return _from_lines(path)
    if path.exists():
        raise KnowledgeUnreadable(f"{path} is neither a folder of Markdown nor a .jsonl or .jsonl.gz file")
    raise KnowledgeUnreadable(f"{path} does not exist")


def _markdown_files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*.md") if path.is_file() and not path.name.startswith("."))
    if len(files) > DOCUMENTS_MAX:
        raise KnowledgeUnreadable(f"{folder} holds more than {DOCUMENTS_MAX} files")
    return files


def _from_folder(folder: Path) -> Iterator[Document]:
    files = _markdown_files(folder)
    if not files:
        raise KnowledgeUnreadable(f"{folder} holds no .md file")
    for file in files:
        if file.stat().st_size > DOCUMENT_BYTES_MAX:
            raise KnowledgeUnreadable(f"{file} is larger than {DOCUMENT_BYTES_MAX} bytes")
        yield _markdown_document(file, file.relative_to(folder).with_suffix("").as_posix())


def _markdown_document(file: Path, document_id: str) -> Document:
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KnowledgeUnreadable(f"{file} is not UTF-8 text") from error
    fields: dict[str, Any] = {}
    if front := _FRONT_MATTER.match(content):
        try:
            fields = yaml.safe_load(front.group(1)) or {}
        except yaml.YAMLError as error:
            raise KnowledgeUnreadable(f"{file}: the front matter is not YAML") from error
        if not isinstance(fields, dict):
            raise KnowledgeUnreadable(f"{file}: the front matter is no mapping")
        content = content[front.end() :]
    return _document(document_id, fields, content, str(file))


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _from_lines(path: Path) -> Iterator[Document]:
    number = 0
    try:
        with _opened(path) as lines:
            while line := lines.readline(DOCUMENT_BYTES_MAX + 1):
                number += 1
                if len(line) > DOCUMENT_BYTES_MAX or number > DOCUMENTS_MAX:
                    raise KnowledgeUnreadable(f"{path}, line {number}: larger than {DOCUMENT_BYTES_MAX} bytes, "
                                              f"or more than {DOCUMENTS_MAX} lines")  # fmt: skip
                if line.strip():
                    yield _line_document(line, f"{path}, line {number}")
    except (gzip.BadGzipFile, EOFError) as error:
        raise KnowledgeUnreadable(f"{path} is no intact gzip file") from error
    if number == 0:
        raise KnowledgeUnreadable(f"{path} is empty")


def _line_document(line: bytes, place: str) -> Document:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise KnowledgeUnreadable(f"{place}: not JSON ({error})") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("text"), str):
        raise KnowledgeUnreadable(f"{place}: needs a JSON object with the texts `_id` and `text`")
    return _document(str(fields.get("_id") or ""), fields, fields["text"], place)


def _document(document_id: str, fields: dict[str, Any], text: str, place: str) -> Document:
    if not 0 < len(document_id) <= 500:
        raise KnowledgeUnreadable(f"{place}: the id must have 1 to 500 characters")
    if "\x00" in text + document_id:
        raise KnowledgeUnreadable(f"{place}: binary content")
    audience = str(fields.get("audience") or "customer")
    if audience not in {"customer", "internal"}:
        raise KnowledgeUnreadable(f"{place}: audience must be `customer` or `internal`")
    return Document(
        document_id=document_id,
        title=_title(fields, text) or document_id,
        text=text,
        url=_line(fields.get("url"))[:2000],
        language=(_line(fields.get("language")) or "en")[:12],
        audience="internal" if audience == "internal" else "customer",
        updated_at=_instant(fields.get("updated"), place),
    )


def _title(fields: dict[str, Any], text: str) -> str:
    """The title given, else the first heading, else the first line."""
    found = _FIRST_HEADING.search(text) or _FIRST_LINE.search(text)
    derived = (found.group(1) if found.re is _FIRST_HEADING else found.group(0)) if found else ""
    return (_line(fields.get("title")) or _line(derived)[:120])[:500]


def _line(value: object) -> str:
    return " ".join(str(value if value is not None else "").replace("\x00", " ").split())


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
