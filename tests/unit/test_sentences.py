"""Texts fall into sentences that know their place; questions and terms are found."""

from itertools import pairwise

import pytest

from shared.sentences import questions, questions_in_context, split_sentences, terms

ARTICLE = """# Roll back

You can roll back, e.g. to v12. It is instant.
It does not touch the database.

To do it:

1. Run `nq releases`.

   ```
   nq releases --app x
   ```
2. Run it
   again.

| plan | limit |
| Team | 20 |
"""


def test_each_kind_of_text_is_split_in_its_own_way() -> None:
    found = [(one.kind, " ".join(one.text.split())) for one in split_sentences(ARTICLE)]

    assert found == [
        ("heading", "Roll back"),
        ("prose", "You can roll back, e.g. to v12."),
        ("prose", "It is instant."),
        ("prose", "It does not touch the database."),
        ("prose", "To do it:"),
        ("step", "Run `nq releases`."),
        ("code", "nq releases --app x"),
        ("step", "Run it again."),
        ("table", "| plan | limit |"),
        ("table", "| Team | 20 |"),
    ]


def test_a_list_is_one_block_also_with_code_between_its_steps() -> None:
    steps = [one for one in split_sentences(ARTICLE) if one.kind in {"step", "code"}]

    assert len({one.block for one in steps}) == 1
    assert [one.marker for one in steps] == ["1.", "", "2."]


HOSTILE = [
    "",
    " \n\t",
    "." * 100_000 + "x",
    " " * 100_000,
    "?" * 100_000,
    "how " + " " * 100_000 + "and",
    "- a\n" * 50_000,
    "```\n" * 10_001,
    "a-" * 100_000,
    "\u200b\u202e🙂" * 5_000,
    "|" * 100_000,
    "# " * 50_000,
]


@pytest.mark.parametrize("text", [ARTICLE, *HOSTILE], ids=range(len(HOSTILE) + 1))
def test_spans_hold_for_any_text(text: str) -> None:
    sentences = split_sentences(text)
    questions(text)
    terms(text)

    assert all(text[one.start : one.end] == one.text == one.text.strip() != "" for one in sentences)
    assert all(before.end <= after.start for before, after in pairwise(sentences))


def test_questions_are_found_with_and_without_question_mark() -> None:
    text = "Hi,\nmy app is down. How do I roll back and where do I find the invoices? Please tell me the limit. Thanks"

    assert questions(text) == [
        "How do I roll back",
        "and where do I find the invoices?",
        "Please tell me the limit.",
    ]


def test_a_statement_asks_nothing() -> None:
    assert questions("Our app crashed at noon. The log is empty.") == []


def test_terms_meet_across_inflection() -> None:
    assert set(terms("How are policies restored?")) == set(terms("the policy is restoring"))


def test_beside_a_question_a_wish_is_no_question_of_its_own() -> None:
    wish = "We want to move the shop to Asia."

    assert questions(wish) == [wish]
    assert questions(f"{wish} Which region is nearest to our customers?") == [
        "Which region is nearest to our customers?"
    ]


def test_output_of_programs_asks_the_customer_nothing() -> None:
    pasted = "psql: error: failed\n\tIs the server running on that host?\n    Is TLS switched off there?"

    assert questions(f"{pasted}\n\nIs there an allow list for addresses?") == ["Is there an allow list for addresses?"]


def test_a_short_question_is_understood_by_the_sentence_before_it() -> None:
    text = "Release v12 has a bug. What's the command, and will there be downtime?"

    assert questions_in_context(text) == [
        ("What's the command, and will there be downtime?", text),
    ]


def test_a_rant_before_a_question_is_bounded() -> None:
    [(question, read)] = questions_in_context("oh " * 5_000 + "bad. What is the rollback command?")

    assert question == "What is the rollback command?"
    assert len(read) < 400
