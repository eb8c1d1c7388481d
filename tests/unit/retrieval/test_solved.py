"""Which approved answers the next customer may see, and what of them."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events import Flag, Message
from services.retrieval.rules.passages import Document
from services.retrieval.rules.solved import KeptOut, solved_document, sources_of
from tests.unit.cases import NOON, classification, evidence, ticket
from tests.unit.retrieval.approvals import approved

QUESTION = "Hi,\n\nwhy is there a turquoise banner on my dashboard? Write to [EMAIL_1].\n\nRegards\nAnn Example"
ANSWER = "Turquoise banners announce a maintenance window of the region, three days ahead."
ARTICLE = evidence(
    "banners", f"# Banners\n\n{ANSWER} Refunds of 20 EUR are given per 12345 minutes.", document_version="v7"
)


def learned(answer: str = ANSWER, question: str = QUESTION, *found: Any, **fields: Any) -> Document:
    document = solved_document(approved(question, answer, *found, **fields), lambda _: [])
    assert isinstance(document, Document), document
    return document


def reason(answer: str, question: str = QUESTION, *found: Any, personal: tuple[str, ...] = (), **fields: Any) -> str:
    event = approved(question, answer, *found, **fields)
    kept_out = solved_document(event, lambda text: [found for found in personal if found in text])
    assert isinstance(kept_out, KeptOut), kept_out
    return kept_out.reason


def test_the_answer_is_quoted_and_the_question_only_found_by() -> None:
    document = learned(
        f"Hello Ann,\n\n{ANSWER} [1]\n\n[1] Banners: https://help.example/b\n\nKind regards\nRita", QUESTION, ARTICLE
    )

    assert document.text == ANSWER
    assert document.title == "Earlier answer: Banners"
    assert "turquoise banner on my dashboard" in document.found_by
    assert "turquoise banner on my dashboard" not in document.title + document.text + document.document_id
    assert "EMAIL" not in document.found_by
    assert document.updated_at == NOON


@pytest.mark.parametrize(
    ("greeting", "closing"),
    [
        ("Hello Ann,", "Kind regards\nRita"),
        ("Guten Tag Frau Example,", "Mit freundlichen Grüßen\nRita\nSupport"),
        ("Bonjour,", "Cordialement"),
        ("Hola Ann:", "Un saludo,\nRita"),
        ("", ""),
    ],
)
def test_greeting_and_closing_are_not_part_of_it(greeting: str, closing: str) -> None:
    assert learned(f"{greeting}\n\n{ANSWER}\n\n{closing}").text == ANSWER


def test_code_and_numbers_in_brackets_stay() -> None:
    code = f"{ANSWER}\n\n```\nvalue = list[1]\n```"

    assert learned(code).text == code


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "reject"},
        {"action": "reassign"},
        {"decided_by": "policy", "action": "approve"},
    ],
)
def test_only_what_a_person_approved_is_learned(fields: dict[str, Any]) -> None:
    assert reason(ANSWER, **fields) == "not approved by a person"


def test_where_a_risk_was_seen_nothing_is_learned() -> None:
    risky = classification(flags=(Flag(flag="security", probability=0.9),))

    assert reason(ANSWER, intent=risky) == "a risk was seen"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("Yes.", "too short or too long"),
        ("word " * 5_000, "too short or too long"),
        (f"{ANSWER} We write to [EMAIL_1].", "personal data"),
        (f"{ANSWER} [SECRET_2]", "personal data"),
        (f"{ANSWER} Ask Bob Miller.", "personal data"),
        (f"Hello Zoe,\n\n{ANSWER} That is all there is to it, Zoe.", "personal data"),
        (f"{ANSWER} Dear Example family, please read it.", "personal data"),
        (f'{ANSWER} You asked "why is there a turquoise banner on my dashboard".', "the customer's own words"),
        (f"{ANSWER} It costs $49.90 for you.", "the customer's particulars"),
        (f"{ANSWER} See invoice 8812345.", "the customer's particulars"),
        (f"{ANSWER} We have restored the database for you.", "what was done for one customer"),
        (f"{ANSWER} I've looked into it.", "what was done for one customer"),
        (f"{ANSWER} Your account has been upgraded.", "what was done for one customer"),
        (f"{ANSWER} Wir haben die Rechnung korrigiert.", "what was done for one customer"),
    ],
)
def test_what_was_meant_for_one_customer_is_kept_out(answer: str, why: str) -> None:
    assert reason(answer, personal=("Bob Miller",)) == why


@pytest.mark.parametrize("mine", ["shop.ann-bikes.example", "ORD-4711", "10.1.2.3", "ann_bikes/shop", "v12.7.1"])
def test_identifiers_that_the_customer_brought_along_are_kept_out(mine: str) -> None:
    question = f"Why is there a banner for {mine} today?"

    assert reason(f"{ANSWER} For {mine} it is red.", question) == "the customer's particulars"
    assert learned(f"{ANSWER} For {mine} it is red.", question, evidence("names", f"There is {mine} in our docs."))
    assert learned(ANSWER, question)


def test_what_earlier_messages_said_is_the_customer_s_too() -> None:
    thread = (Message(author="customer", body="The green lamp behind the old printer blinks twice", sent_at=NOON),)
    asked = ticket("And now?", thread=thread)

    assert (
        reason(f"{ANSWER} The green lamp behind the old printer blinks.", "x", asked=asked)
        == "the customer's own words"
    )


def test_what_stands_in_the_evidence_is_no_secret() -> None:
    text = f"{ANSWER} Refunds of 20 EUR are given per 12345 minutes."

    assert learned(text, QUESTION, ARTICLE).text == text


def test_it_depends_on_the_articles_that_it_cites_or_quotes() -> None:
    other = evidence("other", "Something else.", document_version="v1")

    assert learned(f"{ANSWER} [1]", QUESTION, ARTICLE, other).depends_on == ("banners",)
    assert learned(ANSWER, QUESTION, other, ARTICLE, cites=False).depends_on == ("banners",)
    assert learned("In words of our own: it is about the maintenance.", QUESTION, other, cites=False).depends_on == ()
    assert sources_of(approved(QUESTION, ANSWER, ARTICLE, evidence("unversioned"))) == {"banners": "v7"}


def test_the_same_question_makes_the_same_article_of_another_version() -> None:
    first = learned()
    again = learned(
        f"{ANSWER} Mostly.", "why is there a turquoise banner on my dashboard?", at=NOON + timedelta(days=1)
    )
    another = learned(ANSWER, "Where do I find my invoices?")

    assert first.document_id != another.document_id
    assert again.version("1") != first.version("1")
    assert learned(f"{ANSWER} Mostly.").document_id == first.document_id


@pytest.mark.parametrize(
    "text",
    ["\n" * 100_000, "1," * 50_000, "a.b" * 40_000, "[1]" * 60_000, "Hello " * 30_000, "-" * 200_000,
     "\u202eאבג" * 20_000, "$1" * 50_000, "x@" * 90_000, "🎉" * 100_000],
)  # fmt: skip
def test_any_text_comes_to_an_end(text: str) -> None:
    """No expression may take a time that grows faster than the text."""
    event = approved(text[:150_000], text[:19_000])

    assert isinstance(solved_document(event, lambda _: []), KeptOut | Document)
