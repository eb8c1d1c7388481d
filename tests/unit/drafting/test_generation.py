"""What a model is asked, and which of its answers count."""

import hashlib
import json
from typing import Any

import pytest

from services.drafting.adapters.generative import AGAIN, PROMPT_NAME, PROMPT_VERSION, PROMPTS
from services.drafting.rules.generation import ResponseInvalid, question, response_format, statements_in
from tests.unit.cases import GOOD_QUOTE, evidence, invoices, retrieved, ticket

PASSAGES = (evidence(), invoices())

# A published wording never changes: drafts of the past name it. Add a version instead.
WORDINGS = {
    "again.v1": "b239700c768e0fa7",
    "answer.v1": "6ddded90fbcf554f",
    "answer.v2": "0f61c67bfd243748",
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize("path", sorted(PROMPTS.glob("*.md")), ids=lambda path: path.stem)
def test_a_wording_stays_as_it_was_published(path: Any) -> None:
    assert digest(path.read_text(encoding="utf-8")) == WORDINGS[path.stem]


def test_the_prompt_in_use_is_rendered_as_before() -> None:
    event = retrieved(evidence("d", "Text.", heading="H"), ticket=ticket("How?", subject="S"))
    rendered = json.dumps([question(event), response_format()], ensure_ascii=False)

    assert (PROMPT_NAME, PROMPT_VERSION, AGAIN) == ("answer", "v2", "again.v1")
    assert digest(rendered) == "02e5dd53b3ddde64", (
        "what is asked has changed: add a version of the prompt, and note its hash here"
    )


def test_the_repair_names_its_reason() -> None:
    wording = (PROMPTS / f"{AGAIN}.md").read_text(encoding="utf-8")

    assert "not JSON" in wording.format(reason="not JSON")


def test_what_is_asked_is_bounded_whatever_comes_in() -> None:
    passages = [evidence(f"d{number}", "word " * 4_000) for number in range(50)]
    asked = question(retrieved(*passages, ticket=ticket("x" * 90_000)))

    assert len(json.dumps(asked)) < 40_000


def said(*citations: Any, **more: Any) -> str:
    return json.dumps({"sentences": [{"text": "So it is.", "citations": list(citations)}], "unanswered": [], **more})


TOLERATED = {
    "a number as text": said({"passage": "1", "quote": GOOD_QUOTE}),
    "a number in brackets": said({"passage": "[1]", "quote": GOOD_QUOTE}),
    "a number in words": said({"passage": "passage 1", "quote": GOOD_QUOTE}),
    "a whole float": said({"passage": 1.0, "quote": GOOD_QUOTE}),
    "another case": said({"passage": 1, "quote": GOOD_QUOTE.upper()}),
    "more fields": said({"passage": 1, "quote": GOOD_QUOTE, "page": 3}, confidence=0.9),
    "one citation without a list": json.dumps(
        {"sentences": {"text": "So it is.", "citations": {"passage": 1, "quote": GOOD_QUOTE}}, "unanswered": None}
    ),
    "nothing unanswered at all": json.dumps(
        {"sentences": [{"text": "So it is.", "citations": [{"passage": 1, "quote": GOOD_QUOTE}]}]}
    ),
}


@pytest.mark.parametrize("kind", TOLERATED)
def test_small_slips_of_form_are_mended(kind: str) -> None:
    [statement], unanswered = statements_in(TOLERATED[kind], PASSAGES)

    assert (statement.text, statement.supports[0].quote, unanswered) == ("So it is.", GOOD_QUOTE, ())


INVALID = {
    "no citation": (said(), "a sentence without a citation"),
    "a number that is none": (
        said({"passage": "first", "quote": "x"}),
        "int_parsing at sentences.0.citations.0.passage",
    ),
    "half a number": (said({"passage": 1.5, "quote": "x"}), "int_from_float"),
    "passage 0": (said({"passage": 0, "quote": "x"}), "a passage that does not exist"),
    "passage 3": (said({"passage": 3, "quote": "x"}), "a passage that does not exist"),
    "a made-up quote": (said({"passage": 1, "quote": "Refunds are automatic."}), "a quote that is not in its passage"),
    "citations as numbers": (said(1), "citations.0"),
    "too many sentences": (json.dumps({"sentences": [{"text": "a", "citations": []}] * 13}), "too_long"),
    "another schema": (json.dumps({"the secret": 1}), "missing at sentences"),
}


@pytest.mark.parametrize("kind", INVALID)
def test_slips_of_substance_are_named_without_content(kind: str) -> None:
    text, reason = INVALID[kind]
    with pytest.raises(ResponseInvalid, match=reason.replace(".", r"\.")) as caught:
        statements_in(text, PASSAGES)

    assert "secret" not in str(caught.value)
    assert "Refunds" not in str(caught.value)
