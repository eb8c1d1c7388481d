"""Long questions in pieces, and short ones that need what was said before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import ContextRetrieved, Message, TicketClassified
from services.retrieval.handler import handle
from services.retrieval.rules.query import ASPECTS_MAX, QUERY_CHARACTERS_MAX, aspects, topic_of
from services.retrieval.rules.rewriting import Rewriting, by_rules
from tests.unit.cases import HEAD, NOON, classification, evidence, ticket
from tests.unit.retrieval.test_handler import LanguageEmbedder, RecordingSearch

LONG = " ".join(f"Sentence {number} tells of matter {number} at some length, as people do." for number in range(60))


def test_a_short_question_is_one_piece() -> None:
    assert aspects("How do I roll back?") == ["How do I roll back?"]


def test_a_long_question_falls_into_whole_sentences() -> None:
    pieces = aspects(LONG)

    assert 1 < len(pieces) <= ASPECTS_MAX
    assert LONG.startswith(" ".join(pieces))
    assert all(piece.endswith(".") for piece in pieces)


@given(st.text(max_size=3000))
def test_pieces_are_bounded_and_never_none(query: str) -> None:
    pieces = aspects(query)

    assert 1 <= len(pieces) <= ASPECTS_MAX
    assert all(len(piece) <= max(len(query), 1) for piece in pieces)


def test_a_run_without_spaces_or_ends_is_cut_too() -> None:
    assert len(aspects("word " * 5000)) == ASPECTS_MAX


def asked_after(body: str, *earlier: str) -> Rewriting:
    thread = tuple(Message(author="customer", body=one, sent_at=NOON) for one in earlier)
    return by_rules(ticket(body, subject="", thread=thread))


def test_a_short_follow_up_takes_over_the_topic() -> None:
    asked = asked_after("And on Windows?", "How do I install the Zephyr agent? The Zephyr agent shows ZX-311.")

    assert asked.meanings[0] == "And on Windows?"
    assert asked.meanings[1].startswith("And on Windows? Zephyr agent")
    assert "ZX-311" in asked.meanings[1]
    assert asked.words.startswith("And on Windows? Zephyr agent"), "by its one word nothing would be found"


def test_a_question_with_words_of_its_own_is_looked_up_by_those_alone() -> None:
    asked = asked_after("What causes wildfires?", "Which region has the most storms?")

    assert asked.words == "What causes wildfires?"
    assert asked.meanings[0] == "What causes wildfires?"
    assert "storms" in asked.meanings[1]


def test_the_latest_turn_s_topic_comes_first() -> None:
    topic = topic_of("How long does it take?", ["Where are my invoices?", "Can I transfer my domain instead?"])

    assert topic.index("domain") < topic.index("invoices")


@pytest.mark.parametrize("earlier", [[], ["Where are invoices?"]])
def test_a_question_that_stands_by_itself_is_left_alone(earlier: list[str]) -> None:
    question = "How do I restore the database backup of yesterday into a second application in Frankfurt?"

    assert asked_after(question, *earlier) == Rewriting(question, (question,))


def test_hostile_threads_stay_bounded() -> None:
    asked = asked_after("And?", *["spam " * 20_000 + "x" * 90_000] * 20)

    assert all(len(text) <= QUERY_CHARACTERS_MAX for text in (asked.words, *asked.meanings))


async def test_only_the_customer_s_own_turns_are_carried_over() -> None:
    thread = (
        Message(author="customer", body="My certificate was not issued.", sent_at=NOON),
        Message(author="agent", body="Please look at the invoices page.", sent_at=NOON),
    )
    asked = ticket("Still not there").model_copy(update={"thread": thread, "subject": ""})
    event = TicketClassified(**HEAD, ticket=asked, classification=classification(language="en"))
    search = RecordingSearch(evidence())

    [result] = await handle(event, search=search, embedder=LanguageEmbedder(), now=NOON)

    assert isinstance(result, ContextRetrieved)
    assert "certificate" in result.context.query
    assert "invoices" not in result.context.query
