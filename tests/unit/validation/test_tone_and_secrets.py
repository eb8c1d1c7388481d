"""An answer keeps a support desk's tone, and what is for staff stays inside."""

import pytest

from contracts.events import AnswerDrafted
from services.validation.rules import leaks, tone
from tests.unit.cases import GOOD_QUOTE, ROLLBACK_TEXT, draft, drafted, evidence, invoices
from tests.unit.validation.judging import judged


def codes(event: AnswerDrafted) -> set[str]:
    return {finding.code for finding in judged(event).findings}


def with_source(text: str, title: str = "Rollback a release") -> AnswerDrafted:
    context = drafted().context.model_copy(update={"evidence": (evidence(text=text, title=title), invoices())})
    return drafted(context=context)


@pytest.mark.parametrize(
    "words",
    [
        "DO NOT DO THAT EVER again",
        "Really??? No!!!",
        "That was stupid.",
        "Das ist doch Unsinn.",
        "As an AI language model, I cannot know.",
        "I'm just a chatbot, sorry.",
    ],
)
def test_an_unfitting_tone_is_shown_to_a_person(words: str) -> None:
    assert "tone" in codes(drafted(draft(f"Hello,\n\n{GOOD_QUOTE} [1]\n\n{words}\n\nKind regards")))


@pytest.mark.parametrize(
    "words",
    [
        "Thank you! We are glad to help.",
        "Use HTTP, TLS or SSH.",
        "Set LOG_LEVEL to DEBUG.",
        "An AI feature is included.",
    ],
)
def test_an_ordinary_tone_is_none_of_it(words: str) -> None:
    assert tone.off_tone(words, "") == []


def test_capitals_that_the_evidence_has_are_a_quotation() -> None:
    words = "ERROR NO SUCH RELEASE FOUND"

    assert tone.off_tone(words, "") != []
    assert tone.off_tone(words, f"The message is {words.title()}.") == []


@pytest.mark.parametrize(
    "note",
    [
        "For internal use only.",
        "Do not share this with customers.",
        "Not for external use",
        "Staff only",
        "Nur für den internen Gebrauch",
    ],
)
def test_an_article_for_staff_is_not_quoted_to_customers(note: str) -> None:
    event = with_source(f"{note}\n\n{ROLLBACK_TEXT}")

    assert "internal_evidence" in codes(event)
    assert judged(event).verdict == "block"


def test_an_article_for_staff_that_is_not_cited_does_no_harm() -> None:
    secret = invoices(title="Internal procedure: write-offs")
    context = drafted().context.model_copy(update={"evidence": (evidence(), secret)})

    assert judged(drafted(context=context)).verdict == "pass"


@pytest.mark.parametrize(
    "words", ["Internal links are kept.", "You can share it with your team.", "Your data are confidential."]
)
def test_ordinary_articles_are_for_customers(words: str) -> None:
    assert leaks.for_staff(words) == ""


@pytest.mark.parametrize(
    "host", ["http://wiki.corp/x", "db1.internal", "10.20.30.40", "192.168.1.7", "build.northquay.lan:8080"]
)
def test_addresses_inside_a_network_are_shown_to_a_person(host: str) -> None:
    assert "internal_address" in codes(drafted(draft(f"Hello,\n\n{GOOD_QUOTE} [1] See {host}\n\nKind regards")))


@pytest.mark.parametrize(
    "host", ["localhost", "help.northquay.example", "8.8.8.8", "version 10.2.3", "local", "Main.Local-ish"]
)
def test_other_addresses_are_not(host: str) -> None:
    assert leaks.inside_addresses(host) == []


@pytest.mark.parametrize("text", ["A " * 50_000, "AA " * 30_000, "! " * 50_000, "a." * 50_000, "10." * 30_000])
def test_any_text_can_be_read(text: str) -> None:
    assert leaks.for_staff(text) == ""
    assert leaks.inside_addresses(text) in ([], ["10.10.10.10"])
    assert len(tone.off_tone(text, "")) <= 1
