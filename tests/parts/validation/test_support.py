"""Drafts with a changed number, an inverted sense or an invented name are caught; honest rewording is let through."""

from typing import Any

import pytest

from contracts.events import AnswerDrafted, Citation, Validation
from services.validation import handler
from services.validation.adapters import SupportModelUnreadable, read_support
from services.validation.settings import ValidationSettings
from tests.unit.cases import draft, drafted, evidence, pack, ticket
from tests.unit.validation.judging import EMBED, ORDERS, Fixed

MODEL = read_support(ValidationSettings().support_model)

BACKUPS = """## Backups

Every database is backed up once a day, at 02:00 UTC, and each backup is kept for 14 days. A backup can be restored by
an owner of the project from the Backups page. Restoring a backup does not delete newer backups. On the Basic plan,
backups are not encrypted with your own key; the Business plan allows that.

## Deleted projects

When a project is deleted, its backups remain available for 7 days and are then removed for good. Ask an owner to
restore the project before that. Members without the owner role cannot restore anything."""
SEATS = """Each workspace starts with 5 seats. An administrator can add seats at any time under Settings, and the price
is adjusted from the next invoice on. Guests do not need a seat. Seats that are removed are credited only at the end of
the billing period. To add a seat you must have a valid payment method."""


def saying(text: str, source: str, quote: str, question: str = "How does this work?") -> AnswerDrafted:
    """A draft of a generative model that says `text`, citing `source`."""
    body = f"Hello,\n\n{text} [1]\n\nKind regards"
    passage = evidence("article", source)
    cited = Citation(
        number=1,
        evidence_id=passage.evidence_id,
        document_id="article",
        quote=quote,
        start=body.index(text),
        end=body.index(text) + len(text),
    )
    context = drafted().context.model_copy(update={"evidence": (passage,)})
    return drafted(draft(body, citations=(cited,)), context=context, ticket=ticket(question))


def judged(text: str, source: str) -> Validation:
    quote = source.replace("## ", "").split(". ")[-1].rstrip(".")
    return handler.validate(saying(text, source, quote), pack(), Fixed(), Fixed(), ORDERS, EMBED, MODEL)


def unsupported(text: str, source: str) -> bool:
    return any(one.code == "claim_unsupported" for one in judged(text, source).findings)


CHANGED = {
    "number of days": ("Each backup is kept for 30 days.", BACKUPS),
    "time of day": ("Your databases are backed up daily at 05:00 UTC.", BACKUPS),
    "number in words": ("After a project is deleted, you have ninety days to get its backups back.", BACKUPS),
    "number of seats": ("A new workspace comes with 25 seats.", SEATS),
    "negation left out": ("Restoring a backup does delete newer backups.", BACKUPS),
    "negation put in": ("An owner of the project cannot restore a backup from the Backups page.", BACKUPS),
    "negation contracted": ("A backup can't be restored by an owner of the project.", BACKUPS),
    "negation of a right": ("Members without the owner role can restore anything.", BACKUPS),
    "need instead of none": ("Guests need a seat.", SEATS),
    "part of a denied sentence": ("delete newer backups", BACKUPS),
    "opposite": ("The price is adjusted from the previous invoice on, and guests are charged.", SEATS),
    "invented product": ("You can restore a backup with the TimeVault add-on.", BACKUPS),
    "invented person": ("Backups are restored by Henrik Solberg from the Backups page.", BACKUPS),
    "invented command": ("Run `backup restore --force` to restore a backup.", BACKUPS),
    "invented plan": ("On the Platinum plan, backups are encrypted with your own key.", BACKUPS),
    "invented service": ("Our engineers check every restored database by hand within the hour.", BACKUPS),
    "invented reason": ("Seats are limited because the servers in our oldest region are overloaded.", SEATS),
    "another subject": ("Invoices can be downloaded as a spreadsheet by every member.", SEATS),
}


@pytest.mark.parametrize("kind", CHANGED)
def test_what_the_source_does_not_say_is_blocked(kind: str) -> None:
    text, source = CHANGED[kind]

    assert unsupported(text, source)
    assert judged(text, source).verdict == "block"


HONEST = {
    "word for word": ("Each workspace starts with 5 seats.", SEATS),
    "two sentences word for word": ("Guests do not need a seat.\nEach workspace starts with 5 seats.", SEATS),
    "a clause": ("Each backup is kept for 14 days.", BACKUPS),
    "passive": ("Seats can be added by an administrator at any time under Settings.", SEATS),
    "number as a word": ("Each workspace starts with five seats.", SEATS),
    "contracted": ("Guests don't need a seat.", SEATS),
    "negation kept": ("Members without the owner role cannot restore a project.", BACKUPS),
    "order changed": ("From the Backups page, an owner of the project can restore a backup.", BACKUPS),
    "addressed": ("You must have a valid payment method to add a seat.", SEATS),
    "joined": ("Every database is backed up once a day and the backup is kept for 14 days.", BACKUPS),
}


@pytest.mark.parametrize("kind", HONEST)
def test_what_the_source_says_in_other_words_is_supported(kind: str) -> None:
    text, source = HONEST[kind]

    assert not unsupported(text, source), judged(text, source).claims


def test_a_quotation_is_certain_and_its_answer_never_doubtful() -> None:
    validation = judged("Each workspace starts with 5 seats.", SEATS)

    assert [claim.support for claim in validation.claims] == [1.0]
    assert validation.findings == ()


def test_a_longer_answer_is_judged_claim_by_claim() -> None:
    text = "Each workspace starts with 5 seats. Guests need ten seats each. Seats can be added under Settings."

    assert [claim.supported for claim in judged(text, SEATS).claims] == [True, False, True]


def test_another_language_is_judged_by_shared_words() -> None:
    german = Fixed(language="de")
    source = "Jeder Arbeitsbereich beginnt mit 5 Plätzen. Gäste brauchen keinen Platz."
    event = saying("Ein Arbeitsbereich beginnt mit 5 Plätzen.", source, "Gäste brauchen keinen Platz")

    [claim] = handler.validate(event, pack(), german, german, ORDERS, EMBED, MODEL).claims

    assert claim == handler.validate(event, pack(), german, german, ORDERS, EMBED, None).claims[0]


HOSTILE = [
    "x" * 190_000,
    "Why? " * 38_000,
    "🙂 " * 60_000,
    "1,2," * 47_000,
    "not " * 47_000,
    "un" * 60_000,
    "مرحبا " * 9_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:4])
def test_any_text_and_any_source_is_judged(text: str) -> None:
    event = saying(f"Guests need {text}", f"{SEATS}\n\n{text}"[:20_000], "Guests do not need a seat.")

    assert handler.validate(event, pack(), Fixed(), Fixed(), ORDERS, EMBED, MODEL).verdict == "block"


@pytest.mark.parametrize("content", [None, "", "{}", '{"version": "x"}'])
def test_a_missing_or_broken_model_stops_the_start(content: str | None, tmp_path: Any) -> None:
    path = tmp_path / "model.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(SupportModelUnreadable):
        read_support(path)
