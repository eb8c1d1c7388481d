"""Knowledge in files: what is read, what is skipped, what is refused."""

import codecs
import gzip
import json
from pathlib import Path

import pytest

from services.retrieval.adapters.sources.articles import KnowledgeUnreadable
from services.retrieval.adapters.sources.files import count_documents, read_documents, read_path, stamps
from services.retrieval.rules.passages import Document, Skipped, chunk_markdown
from tests.fakes.pdf import pdf

# A greeting in forty languages and their scripts.
GREETINGS = {
    "ar": "مرحبا بكم في مركز المساعدة", "he": "ברוכים הבאים למרכז העזרה", "fa": "به مرکز راهنما خوش آمدید",
    "ur": "مدد کے مرکز میں خوش آمدید", "ru": "Добро пожаловать в справочный центр", "uk": "Ласкаво просимо",
    "el": "Καλώς ήρθατε στο κέντρο βοήθειας", "hy": "Բարի գալուստ օգնության կենտրոն", "ka": "კეთილი იყოს თქვენი",
    "hi": "सहायता केंद्र में आपका स्वागत है", "bn": "সহায়তা কেন্দ্রে স্বাগতম", "ta": "உதவி மையத்திற்கு வரவேற்கிறோம்",
    "te": "సహాయ కేంద్రానికి స్వాగతం", "kn": "ಸಹಾಯ ಕೇಂದ್ರಕ್ಕೆ ಸ್ವಾಗತ", "ml": "സഹായ കേന്ദ്രത്തിലേക്ക് സ്വാഗതം",
    "th": "ยินดีต้อนรับสู่ศูนย์ช่วยเหลือ", "lo": "ຍິນດີຕ້ອນຮັບ", "my": "အကူအညီစင်တာမှကြိုဆိုပါသည်", "km": "សូមស្វាគមន៍",
    "zh": "欢迎来到帮助中心", "ja": "ヘルプセンターへようこそ", "ko": "도움말 센터", "vi": "Chào mừng bạn",
    "tr": "Yardım merkezine hoş geldiniz", "pl": "Witamy w centrum pomocy", "cs": "Vítejte v centru nápovědy",
    "hu": "Üdvözöljük a súgóközpontban", "ro": "Bun venit la centrul de ajutor", "bg": "Добре дошли в помощния център",
    "sr": "Добро дошли у центар за помоћ", "fi": "Tervetuloa ohjekeskukseen", "sv": "Välkommen till hjälpcentret",
    "da": "Velkommen til hjælpecenteret", "de": "Willkommen in der Hilfe", "fr": "Bienvenue au centre d’aide",
    "es": "Bienvenido al centro de ayuda", "it": "Benvenuto nel centro assistenza", "pt": "Bem-vindo à central",
    "am": "እንኳን ደህና መጡ", "si": "උදව් මධ්‍යස්ථානයට සාදරයෙන් පිළිගනිමු",
}  # fmt: skip


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


@pytest.mark.parametrize(
    ("named", "language"),
    [("de", "de"), ("pt_BR", "pt"), ("DE-at", "de"), ("zh-Hans-CN", "zh"), ("German", "fr"), ("", "fr"), ("d", "fr")],
)
def test_the_language_is_the_one_named_or_else_that_of_the_text(tmp_path: Path, named: str, language: str) -> None:
    (tmp_path / "a.md").write_text(f"---\nlanguage: '{named}'\n---\nLes factures sont envoyées le premier du mois.\n")

    [document] = read_documents(tmp_path)

    assert document.language == language


def test_a_folder_may_hold_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Markdown\n\nText.")
    (tmp_path / "b.html").write_text("<html lang=de><h1>Seite</h1><p>Ein Satz.</p><script>alert(1)</script></html>")
    (tmp_path / "c.txt").write_text("Plain words.\n\nMore of them.")
    (tmp_path / "d.pdf").write_bytes(pdf([[("Printed words", 12)]], title="Paper"))
    (tmp_path / "e.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.md").write_text("no")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.md").write_text("no")

    found = {document.document_id: document for document in read_documents(tmp_path)}

    assert {name: document.title for name, document in found.items()} == {
        "a": "Markdown",
        "b.html": "Seite",
        "c.txt": "Plain words.",
        "d.pdf": "Paper",
    }
    assert found["b.html"].text == "# Seite\n\nEin Satz.\n"
    assert found["b.html"].language == "de"
    assert found["d.pdf"].text == "Printed words\n"
    assert count_documents(tmp_path) == 4


def test_a_single_file_is_a_source_too(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Text.")
    (tmp_path / "b.md").write_text("Other.")

    assert [document.document_id for document in read_documents(tmp_path / "a.md")] == ["a"]


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz"])
def test_a_corpus_is_read_plain_or_packed(tmp_path: Path, name: str) -> None:
    lines = "".join(
        json.dumps({"_id": str(k), "title": "", "text": f"Line {k}\nmore"}) + "\n" for k in range(3)
    ).encode()
    (tmp_path / name).write_bytes(gzip.compress(lines) if name.endswith("gz") else lines)

    documents = list(read_documents(tmp_path / name))

    assert [(document.document_id, document.title) for document in documents][2] == ("2", "Line 2")
    assert count_documents(tmp_path / name) == 3


BROKEN = [
    ("bad.jsonl", b'{"_id": "1", "text": "ok"}\n{"_id": "2", "text": \n', "line 2: not JSON"),
    ("bad.jsonl", b'{"_id": "1", "title": "no text"}\n', "line 1: needs"),
    ("bad.jsonl", b'{"text": "no id"}\n', "line 1: the id"),
    ("bad.jsonl", b"\xff\xfe\x00\x01\n", "line 1: not JSON"),
    ("bad.jsonl", b'{"_id": "1", "text": "a\\u0000b"}\n', "binary"),
    ("bad.jsonl", b"[" * 100_000 + b"\n", "line 1: not JSON"),
    ("bad.jsonl", b"", "empty"),
    ("bad.jsonl.gz", b"not gzip", "gzip"),
    ("folder/a.md", b"\x89PNG\r\n\x1a\n\x00\xff", "not UTF-8"),
    ("folder/a.md", "Grüße".encode("latin-1"), "not UTF-8"),
    ("folder/a.md", "日本語".encode("shift-jis"), "not UTF-8"),
    ("folder/a.md", codecs.BOM_UTF16_LE + b"\x00\xd8\x00", "not UTF-8"),
    ("folder/a.txt", b"ELF\x00\x01\x02", "binary"),
    ("folder/a.md", b"---\ntitle: [\n---\ntext", "front matter"),
    ("folder/a.md", b"---\n" + b"[" * 5_000 + b"\n---\ntext", "front matter"),
    ("folder/a.md", b"---\naudience: everyone\n---\ntext", "audience"),
    ("folder/a.md", b"---\nupdated: soon\n---\ntext", "no date"),
    ("folder/a.md", b"a" * 2_000_001, "larger than 2000000 bytes"),
    ("folder/a.html", b"<script>only</script>", "holds no text"),
    ("folder/a.html", b"", "holds no text"),
    ("folder/a.html", b"<div>" * 200_000, "nested deeper"),
    ("folder/a.pdf", b"%PDF-1.4 no", "no intact PDF"),
    ("folder/a.pdf", pdf([[]]), "may be a scan"),
    ("folder/a.png", b"\x89PNG", "holds no file"),
    ("a.docx", b"text", "neither"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_what_cannot_be_read_is_told_plainly(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)

    with pytest.raises(KnowledgeUnreadable, match=message):
        list(read_documents(path.parent if name.startswith("folder") else path))


def test_one_broken_file_does_not_keep_the_others_out(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xff\xff")
    (tmp_path / "b.md").write_text("Text.")

    [broken, document] = read_path(tmp_path)

    assert isinstance(broken, Skipped)
    assert broken.document_id == "a"
    assert "not UTF-8" in broken.reason
    assert isinstance(document, Document)


def test_a_file_that_is_as_it_was_is_not_read_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.md").write_text("Text.")
    before = stamps(tmp_path)
    (tmp_path / "b.md").write_text("Other text.")

    first, second = read_path(tmp_path, before)

    assert first == Skipped("a")
    assert isinstance(second, Document)


def test_a_path_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeUnreadable, match="does not exist"):
        list(read_documents(tmp_path / "none"))


def test_a_line_beyond_the_limit_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    (tmp_path / "big.jsonl").write_bytes(b'{"_id": "1", "text": "' + b"a" * 2_100_000 + b'"}\n')

    with pytest.raises(KnowledgeUnreadable, match="line 1: larger"):
        list(read_documents(tmp_path / "big.jsonl"))


@pytest.mark.parametrize("language", GREETINGS)
def test_every_script_is_kept_as_it_is_and_cut_into_passages(tmp_path: Path, language: str) -> None:
    sentence = GREETINGS[language]
    end = "。" if language in {"zh", "ja"} else ". "
    (tmp_path / "a.md").write_text(f"# {sentence}\n\n" + f"{sentence}{end}" * 400)

    [document] = read_documents(tmp_path)
    chunks = chunk_markdown(document.text)

    assert document.title == sentence
    assert sentence in chunks[0].text
    assert all(document.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert max(len(chunk.text) for chunk in chunks) < 4_000


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("in\u200bvisi\u00adble\u2060", "invisible"),
        ("cafe\u0301", "café"),
        ("safe \u202eevil\u202c txt\u2066x\u2069", "safe evil txtx"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("family 👨\u200d👩\u200d👧", "family 👨\u200d👩\u200d👧"),
        ("\u200fעברית\u200e ok", "\u200fעברית\u200e ok"),
        ("bell\x07 escape\x1b[31m", "bell escape[31m"),
    ],
)
def test_characters_that_only_hide_something_are_dropped(tmp_path: Path, written: str, read: str) -> None:
    (tmp_path / "a.md").write_text(written)

    [document] = read_documents(tmp_path)

    assert document.text == read


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_an_encoding_that_names_itself_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes("Grüße 🎉 日本".encode(encoding))

    [document] = read_documents(tmp_path)

    assert document.text == "Grüße 🎉 日本"


@pytest.mark.parametrize("content", ["", " \n\n ", "\u200b\u200b"])
def test_an_empty_article_has_no_passages(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.md").write_text(content)

    [document] = read_documents(tmp_path)

    assert document.title == "a"
    assert chunk_markdown(document.text) == []
