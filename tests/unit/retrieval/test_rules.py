"""What is searched for, and how articles fall into passages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.retrieval.rules.passages import CHUNK_WORDS_MAX, Document, chunk_markdown
from services.retrieval.rules.query import QUERY_CHARACTERS_MAX, build_query

ARTICLE = "\n\n".join(
    [
        "Introduction to the matter. " * 24,
        "## Before you begin",
        "Check the version. " * 30,
        "## Steps",
        "1. Open the console.\n2. Choose the application.\n3. Press the button.",
        "```\nnq deploy --app shop\n```",
        "### When it fails",
        "Look into the log. " * 40,
    ]
)


def test_greetings_quotes_and_placeholders_are_not_searched_for() -> None:
    body = (
        "Hi team,\n\nhow do I restore a backup? Write to [EMAIL_1].\n\nBest regards,\nAnna\n\n"
        "On Mon, 2 Mar 2026 support wrote:\n> Please read the article on invoices."
    )

    query = build_query("Backup", body)

    assert "restore a backup" in query
    for absent in ("Hi team", "EMAIL", "regards", "invoices", "wrote"):
        assert absent not in query


def test_of_a_pasted_log_the_telling_lines_are_kept() -> None:
    log = "\n".join(f"2026-03-02 12:00:{second:02d} INFO request {second} ok" for second in range(40))
    body = f"The app is gone.\n{log}\n2026-03-02 12:01:00 ERROR H10 app crashed\n{log}"

    query = build_query("", body)

    assert "The app is gone." in query
    assert "H10 app crashed" in query
    assert "request 7 ok" not in query


def test_a_text_that_is_all_greeting_is_searched_for_as_it_is() -> None:
    assert build_query("", "Hello") == "Hello"
    assert build_query("", "") == ""


@given(st.text(max_size=300), st.text(max_size=3_000))
def test_queries_are_bounded_and_never_lost(subject: str, body: str) -> None:
    query = build_query(subject, body)

    assert len(query) <= QUERY_CHARACTERS_MAX
    assert "\x00" not in query


def test_a_rant_of_a_megabyte_is_cut() -> None:
    assert len(build_query("x" * 500, "why " * 250_000)) <= QUERY_CHARACTERS_MAX


def test_passages_begin_at_headings_and_know_them() -> None:
    chunks = chunk_markdown(ARTICLE)

    assert len(chunks) > 1
    assert any(chunk.text.startswith("## Before you begin") for chunk in chunks)
    assert any(chunk.headings == ("Steps", "When it fails") or "When it fails" in chunk.text for chunk in chunks)
    assert not any(chunk.text.rstrip().splitlines()[-1].startswith("#") for chunk in chunks)


def test_a_heading_within_a_code_block_is_code() -> None:
    chunks = chunk_markdown("# Title\n\n```\n# not a heading\n```\n\ntext")

    assert [chunk.headings for chunk in chunks] == [("Title",)]


def test_a_long_paragraph_is_cut_at_sentence_ends() -> None:
    chunks = chunk_markdown("This sentence has exactly seven words here. " * 100)

    assert len(chunks) > 2
    assert all(chunk.text.endswith(".") for chunk in chunks)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_spans_hold_for_every_kind_of_line_ending(ending: str) -> None:
    text = ARTICLE.replace("\n", ending)

    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunk_markdown(text))


@given(st.text(alphabet=st.sampled_from("ab #*-`\n\r\t.|>1äß🎉\u2028"), max_size=600))
def test_spans_are_exact_ordered_and_bounded_for_any_text(text: str) -> None:
    end = 0
    for chunk in chunk_markdown(text):
        assert chunk.start >= end
        assert text[chunk.start : chunk.end] == chunk.text
        assert 0 < len(chunk.text.split()) <= CHUNK_WORDS_MAX
        end = chunk.end


def test_nothing_of_an_article_is_lost() -> None:
    kept = " ".join(chunk.text for chunk in chunk_markdown(ARTICLE))

    assert kept.split() == ARTICLE.split()


def test_the_version_changes_with_all_that_the_index_keeps() -> None:
    document = Document(document_id="a", title="A", text="text")
    others = [
        Document(document_id="a", title="B", text="text"),
        Document(document_id="a", title="A", text="text2"),
        Document(document_id="a", title="A", text="text", url="https://x.example"),
        Document(document_id="a", title="A", text="text", audience="internal"),
        Document(document_id="a", title="A", text="text", language="de"),
    ]

    assert len({document.version("1"), document.version("2"), *(other.version("1") for other in others)}) == 7
