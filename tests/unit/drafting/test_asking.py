"""What a ticket asks, read together with what was said before."""

from contracts.events import Message
from services.drafting.rules.asking import parts_of, whole_of
from tests.unit.cases import NOON, ticket


def said(author: str, body: str) -> Message:
    return Message.model_validate({"author": author, "body": body, "sent_at": NOON})


def test_a_short_follow_up_leans_on_the_customers_message_before_it() -> None:
    thread = (
        said("customer", "How many releases are kept?"),
        said("agent", "Twenty."),
        said("customer", "Can I roll back a database too?"),
        said("agent", "No."),
    )

    whole = whole_of(ticket("And on the Team plan?", thread=thread))

    assert whole.startswith("And on the Team plan?")
    assert "roll back a database" in whole
    assert "Twenty" not in whole
    assert "How many releases" not in whole


def test_a_message_that_stands_alone_is_read_alone() -> None:
    body = (
        "Our deployment of the billing worker fails since Tuesday morning with exit code 137 after the health check, "
        "although memory usage stays flat. What else could end the process?"
    )

    assert whole_of(ticket(body, thread=(said("customer", "Where are my invoices?"),))) == body


def test_an_earlier_rant_is_bounded() -> None:
    assert len(whole_of(ticket("Still broken.", thread=(said("customer", "why " * 50_000),)))) < 1_000


def test_repeated_questions_count_once() -> None:
    body = "How do I roll back a release? Please, how do I roll back the release? Where do I find old invoices?"

    assert len(parts_of(ticket(body))) == 2


def test_a_short_question_is_read_with_the_sentence_before_it() -> None:
    lead, leaning = "I'd like to use a domain of my own.", "What exactly must I enter there?"
    alone = "How do I get the invoices of last year as one file?"

    first, second = parts_of(ticket(f"{lead} {leaning} {alone}"))

    assert first.text == leaning
    assert first.read == f"{lead} {leaning}"
    assert second.read == second.text == alone
