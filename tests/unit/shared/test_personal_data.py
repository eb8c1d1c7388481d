"""Personal data is found, replaced and put back; hostile text costs no more than any other."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.personal_data import REPLACED, TOKEN, find_personal_data, restore, tokenise
from shared.personal_data.patterns import matches

FOUND = [
    ("Write to ann.o-neil+shop@mail.example.co.uk, please", ["ann.o-neil+shop@mail.example.co.uk"], "EMAIL"),
    ("IBAN DE89 3704 0044 0532 0130 00.", ["DE89 3704 0044 0532 0130 00"], "IBAN"),
    ("MY IBAN IS GB82WEST12345698765432 AND MY NAME IS JO", ["GB82WEST12345698765432"], "IBAN"),
    ("card 4111 1111 1111 1111 was charged", ["4111 1111 1111 1111"], "CARD"),
    ("card 5500-0055-5555-5559", ["5500-0055-5555-5559"], "CARD"),
    ("of my 2 4111 1111 1111 1111 1 is new", ["4111 1111 1111 1111"], "CARD"),
    ("amex 3782-822463-10005", ["3782-822463-10005"], "CARD"),
    ("call +49 (30) 1234-5678 now", ["+49 (30) 1234-5678"], "PHONE"),
    ("call 030 1234 5678", ["030 1234 5678"], "PHONE"),
    ("the password is hunter2hunter2", ["hunter2hunter2"], "SECRET"),
    ("Passwort: geheim123", ["geheim123"], "SECRET"),
    ("DATABASE_URL=postgres://app:s3cr3t@db.example/app", ["app:s3cr3t"], "SECRET"),
    ("token ghp_abcdefghijklmnopqrstuvwxyz0123456789", ["ghp_abcdefghijklmnopqrstuvwxyz0123456789"], "SECRET"),
    (
        "a\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nMIIB\n-----END RSA PRIVATE KEY-----\nb",
        ["-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nMIIB\n-----END RSA PRIVATE KEY-----"],
        "SECRET",
    ),
    ("key: -----BEGIN PRIVATE KEY-----\nMIIB", ["-----BEGIN PRIVATE KEY-----\nMIIB"], "SECRET"),
    ("I have lost my card 4111111111111111. Block it", ["4111111111111111"], "CARD"),
    ("my iban is gb82west12345698765432", ["gb82west12345698765432"], "IBAN"),
    ("ssn 123-45-6789 of mine", ["123-45-6789"], "SSN"),
    ("from 192.0.2.10 and 2001:db8:10::10", ["192.0.2.10", "2001:db8:10::10"], "IP"),
    ("see https://www.shop.example/a?b=c.", ["https://www.shop.example/a?b=c"], "URL"),
    ("on 2026-11-17 08:00 or 3/23/1940", ["2026-11-17 08:00", "3/23/1940"], "DATE"),
    ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK", ["eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK"], "SECRET"),
]


@pytest.mark.parametrize(("text", "parts", "kind"), FOUND)
def test_what_is_personal_is_found(text: str, parts: list[str], kind: str) -> None:
    found = [span for span in find_personal_data(text) if span.kind == kind]

    assert [text[span.start : span.end] for span in found] == parts


@pytest.mark.parametrize(
    "text",
    [
        "The server 192.0.2.10 and 2001:db8:10::10 answer on port 5432.",
        "Invoice NQ-2026-004182 of 3 November 2026, EUR 149.00",
        "card 4111 1111 1111 1112 fails the checksum",
        "0000 0000 0000 0000",
        "DE89370400440532013001",
        "release v12.4.1 at 2026-11-17T08:00:00Z took 12.5 s",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "user@localhost",
        "version 1.2.3.4.5, host 999.1.1.1, ratio 45/99/2020",
        "[EMAIL_1] of [NAME_2]",
        "It says my password is wrong. The password is not accepted, das Passwort ist falsch!",
        "-----BEGIN PRIVATE KEY----- is what the file starts with" + "." * 9000,
        "",
    ],
)
def test_what_support_cannot_work_without_stays(text: str) -> None:
    originals: dict[str, str] = {}

    assert tokenise(text, originals) == text
    assert originals == {}


def test_the_same_original_gets_the_same_token_in_subject_and_body() -> None:
    originals: dict[str, str] = {}
    subject = tokenise("From a@b.example", originals)
    body = tokenise("I am a@b.example, copy c@d.example, call +49 30 1234567", originals)

    assert subject == "From [EMAIL_1]"
    assert body == "I am [EMAIL_1], copy [EMAIL_2], call [PHONE_1]"
    assert originals == {"[EMAIL_1]": "a@b.example", "[EMAIL_2]": "c@d.example", "[PHONE_1]": "+49 30 1234567"}


def test_restoring_leaves_tokens_that_are_not_known() -> None:
    known = {"[EMAIL_1]": "a@b.example", "[NAME_1]": "Ann Weber"}

    assert restore("[NAME_1]: [EMAIL_1], [EMAIL_2] [CITY_1]", known) == "Ann Weber: a@b.example, [EMAIL_2] [CITY_1]"


def test_an_original_that_looks_like_a_token_is_not_restored_twice() -> None:
    assert restore("[SECRET_1]", {"[SECRET_1]": "[EMAIL_1]", "[EMAIL_1]": "a@b.example"}) == "[EMAIL_1]"


SIGNS = ["\n", " ", ", ", "[", "]", "🙂", "é", "@", "+", "0"]
PIECES = st.sampled_from([piece for text, parts, _ in FOUND for piece in (text, *parts)] + SIGNS)
TEXTS = st.lists(PIECES | st.text(max_size=20), max_size=8).map("".join)


@settings(max_examples=60)
@given(TEXTS)
def test_tokenising_and_restoring_gives_the_text_back(text: str) -> None:
    assume(not TOKEN.search(text))
    originals: dict[str, str] = {}

    assert restore(tokenise(text, originals), originals) == text


@settings(max_examples=60)
@given(TEXTS)
def test_spans_are_in_order_without_overlap_and_inside_the_text(text: str) -> None:
    position = 0
    for span in find_personal_data(text):
        assert position <= span.start < span.end <= len(text)
        position = span.end


@settings(max_examples=60)
@given(st.lists(PIECES, max_size=8).map(" ".join))
def test_what_was_replaced_is_nowhere_in_the_tokenised_text(text: str) -> None:
    originals: dict[str, str] = {}
    tokenised = tokenise(text, originals)
    left = {tokenised[start:end] for start, end, kind in matches(tokenised) if kind in REPLACED}

    assert not left & {*originals.values()}


@pytest.mark.parametrize(
    "piece",
    [
        "AA00" + "A" * 32 + "_ ",
        "-----BEGIN PRIVATE KEY-----",
        "eyJ-",
        "://a:",
        "1 ",
        "+1 1 1 1 1 1 ",
        "01 23 ",
        "a.a@a.",
    ],
)
def test_text_made_to_waste_time_yields_a_result(piece: str) -> None:
    """The suite's time-out is the judge: a pattern that backtracks takes minutes over one of these."""
    text = (piece * 50_000)[:50_000]
    originals: dict[str, str] = {}

    assert restore(tokenise(text, originals), originals) == text


def test_ten_thousand_addresses_get_ten_thousand_tokens() -> None:
    text = " ".join(f"a{number}@b.co" for number in range(12_000))
    originals: dict[str, str] = {}

    assert restore(tokenise(text, originals), originals) == text
    assert len(originals) == 12_000
