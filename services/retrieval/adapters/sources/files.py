"""Knowledge in files: a folder, a single file, or a corpus of JSON lines."""

import gzip
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import orjson

from services.retrieval.adapters.sources.articles import DOCUMENT_CHARACTERS_MAX, KnowledgeUnreadable, article
from services.retrieval.adapters.sources.converter import Converter
from services.retrieval.adapters.sources.formats import BYTES_MAX, format_of_name, read_content
from services.retrieval.rules.passages import Document, Skipped

DOCUMENTS_MAX = 500_000
LINE_BYTES_MAX = DOCUMENT_CHARACTERS_MAX
CORPUS_SUFFIXES = (".jsonl", ".jsonl.gz")

# A file's id, and what changes when its content does.
Stamps = Mapping[str, tuple[int, int]]


def count_documents(path: Path) -> int:
    """How many articles `path` seems to hold, for a progress bar; 0 where it cannot be read."""
    if path.is_dir():
        return len(files_in(path))
    if not path.name.endswith(CORPUS_SUFFIXES):
        return int(path.is_file())
    try:
        with _opened(path) as lines:
            return sum(1 for line in lines if line.strip())
    except (OSError, EOFError):
        return 0


def read_documents(path: Path) -> Iterator[Document]:
    """The articles in `path`, all of them or none.

    Raises:
        KnowledgeUnreadable: there is nothing to read, or any file or line is too large, binary or malformed.
    """
    for item in read_path(path):
        if isinstance(item, Skipped):
            raise KnowledgeUnreadable(item.reason)
        yield item


def read_path(path: Path, unchanged_since: Stamps | None = None) -> Iterator[Document | Skipped]:
    """The articles in `path`: a folder or file of Markdown, HTML, PDF or plain text, or a `.jsonl` or `.jsonl.gz`.

    The id of a file is its path within the folder, without `.md`. Markdown may begin with front matter that gives
    title, url, language, audience (`customer` or `internal`) and updated (a date). A line of JSON has `_id`, `title`,
    `text` and optionally the same fields. A file that cannot be read is skipped, as one is that has the same stamp as
    in `unchanged_since`.

    Raises:
        KnowledgeUnreadable: there is nothing to read, or a corpus is broken.
    """
    if path.is_dir():
        return _from_folder(path, unchanged_since or {})
    if path.is_file() and path.name.endswith(CORPUS_SUFFIXES):
        return _from_lines(path)
    if path.is_file() and format_of_name(path.name):
        return _from_files({_id(path, path.parent): path}, unchanged_since or {})
    if path.exists():
        raise KnowledgeUnreadable(f"{path} is neither a folder nor a file of Markdown, HTML, PDF, text or JSON lines")
    raise KnowledgeUnreadable(f"{path} does not exist")


def files_in(folder: Path) -> dict[str, Path]:
    """The files in the folder that can be read, by id; nothing hidden, and links to other folders are not followed.

    Raises:
        KnowledgeUnreadable: there are too many.
    """
    found: dict[str, Path] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(place) / name
            if not name.startswith(".") and format_of_name(name) and file.is_file():
                found[_id(file, folder)] = file
        if len(found) > DOCUMENTS_MAX:
            raise KnowledgeUnreadable(f"{folder} holds more than {DOCUMENTS_MAX} files")
    return dict(sorted(found.items()))


def stamps(path: Path) -> dict[str, tuple[int, int]]:
    """Of each file its id, with the time of its last change in nanoseconds and its size in bytes."""
    single = path.parent if format_of_name(path.name) else path
    files = files_in(path) if path.is_dir() else {_id(path, single): path}
    found = {}
    for document_id, file in files.items():
        try:
            status = file.stat()
        except FileNotFoundError:
            continue
        found[document_id] = (status.st_mtime_ns, status.st_size)
    return found


def _id(file: Path, folder: Path) -> str:
    name = file.relative_to(folder)
    return (name.with_suffix("") if file.suffix.lower() == ".md" else name).as_posix()


def _from_folder(folder: Path, unchanged_since: Stamps) -> Iterator[Document | Skipped]:
    files = files_in(folder)
    if not files:
        raise KnowledgeUnreadable(f"{folder} holds no file of Markdown, HTML, PDF or text")
    yield from _from_files(files, unchanged_since)


def _from_files(files: Mapping[str, Path], unchanged_since: Stamps) -> Iterator[Document | Skipped]:
    with Converter() as converter:
        for document_id, file in files.items():
            try:
                status = file.stat()
                if unchanged_since.get(document_id) == (status.st_mtime_ns, status.st_size):
                    yield Skipped(document_id)
                else:
                    yield _file(file, document_id, converter)
            except FileNotFoundError:
                continue
            except (KnowledgeUnreadable, OSError) as error:
                yield Skipped(document_id, str(error))


def _file(file: Path, document_id: str, converter: Converter) -> Document:
    format_ = format_of_name(file.name)
    assert format_ is not None
    with file.open("rb") as opened:
        content = opened.read(BYTES_MAX[format_] + 1)
    return read_content(document_id, content, format_, place=str(file), converter=converter)


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _from_lines(path: Path) -> Iterator[Document]:
    number = 0
    try:
        with _opened(path) as lines:
            while line := lines.readline(LINE_BYTES_MAX + 1):
                number += 1
                if len(line) > LINE_BYTES_MAX or number > DOCUMENTS_MAX:
                    raise KnowledgeUnreadable(f"{path}, line {number}: larger than {LINE_BYTES_MAX} bytes, "
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
    return article(str(fields.get("_id") or ""), fields, fields["text"], place)
