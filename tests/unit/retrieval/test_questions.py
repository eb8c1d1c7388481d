"""Long questions in pieces, and short ones that need what was said before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import ContextRetrieved, Message, TicketClassified
from services.retrieval.handler import handle
from services.retrieval.rules.query import ASPECTS_MAX, QUERY_CHARACTERS_MAX, aspects, with_topic
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


def test_a_short_follow_up_takes_over_the_topic() -> None:
    asked = with_topic("And on Windows?", ["How do I install the Zephyr agent? The Zephyr agent shows ZX-311."])

    assert asked.startswith("And on Windows? Zephyr agent")
    assert "ZX-311" in asked


def test_the_latest_turn_s_topic_comes_first() -> None:
    asked = with_topic("How long does it take?", ["Where are my invoices?", "Can I transfer my domain instead?"])

    assert asked.index("domain") < asked.index("invoices")


@pytest.mark.parametrize("earlier", [[], ["Where are invoices?"]])
def test_a_question_that_stands_by_itself_is_left_alone(earlier: list[str]) -> None:
    question = "How do I restore the database backup of yesterday into a second application in Frankfurt?"

    assert with_topic(question, earlier) == question


def test_hostile_threads_stay_bounded() -> None:
    assert len(with_topic("And?", ["spam " * 40_000] * 20)) <= QUERY_CHARACTERS_MAX


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
