"""Reading knowledge from files."""

import gzip
import json
from pathlib import Path

import pytest

from services.retrieval.adapters.documents import KnowledgeUnreadable, count_documents, read_documents


def test_a_markdown_article_has_its_front_matter_and_its_path_for_id(tmp_path: Path) -> None:
    (tmp_path / "dns").mkdir()
    (tmp_path / "dns" / "apex.md").write_text(
        '---\ntitle: "Apex domains"\nupdated: 2026-02-11\naudience: internal\nurl: https://help.example/apex\n---\n\nText.\n'
    )

    [document] = read_documents(tmp_path)

    assert (document.document_id, document.title, document.audience) == ("dns/apex", "Apex domains", "internal")
    assert document.text.strip() == "Text."
    assert document.updated_at is not None
    assert document.updated_at.isoformat() == "2026-02-11T00:00:00+00:00"


def test_without_front_matter_the_first_heading_is_the_title(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("\ufeff# The heading\r\n\r\nText.")

    [document] = read_documents(tmp_path)

    assert document.title == "The heading"


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz"])
def test_a_corpus_is_read_plain_or_packed(tmp_path: Path, name: str) -> None:
    lines = "".join(
        json.dumps({"_id": str(k), "title": "", "text": f"Line {k}\nmore"}) + "\n" for k in range(3)
    ).encode()
    (tmp_path / name).write_bytes(gzip.compress(lines) if name.endswith("gz") else lines)

    documents = list(read_documents(tmp_path / name))

    assert [(document.document_id, document.title) for document in documents][2] == ("2", "Line 2")
    assert count_documents(tmp_path / name) == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bad.jsonl", b'{"_id": "1", "text": "ok"}\n{"_id": "2", "text": \n', "line 2: not JSON"),
        ("bad.jsonl", b'{"_id": "1", "title": "no text"}\n', "line 1: needs"),
        ("bad.jsonl", b'{"text": "no id"}\n', "line 1: the id"),
        ("bad.jsonl", b"\xff\xfe\x00\x01\n", "line 1: not JSON"),
        ("bad.jsonl", b'{"_id": "1", "text": "a\\u0000b"}\n', "binary"),
        ("bad.jsonl", b"", "empty"),
        ("bad.jsonl.gz", b"not gzip", "gzip"),
        ("folder/a.md", b"\x89PNG\r\n\x1a\n\x00\xff", "not UTF-8"),
        ("folder/a.md", b"---\ntitle: [\n---\ntext", "front matter"),
        ("folder/a.md", b"---\naudience: everyone\n---\ntext", "audience"),
        ("folder/a.md", b"---\nupdated: soon\n---\ntext", "no date"),
        ("folder/a.txt", b"text", "no .md file"),
        ("a.pdf", b"text", "neither"),
    ],
)
def test_what_cannot_be_read_is_told_plainly(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)

    with pytest.raises(KnowledgeUnreadable, match=message):
        list(read_documents(path.parent if name.startswith("folder") else path))


def test_a_path_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeUnreadable, match="does not exist"):
        list(read_documents(tmp_path / "none"))


def test_a_line_beyond_the_limit_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    (tmp_path / "big.jsonl").write_bytes(b'{"_id": "1", "text": "' + b"a" * 2_100_000 + b'"}\n')

    with pytest.raises(KnowledgeUnreadable, match="line 1: larger"):
        list(read_documents(tmp_path / "big.jsonl"))
