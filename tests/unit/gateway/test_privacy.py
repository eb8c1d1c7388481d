"""Personal data leaves as placeholders and comes back as it was, however the model writes them."""

import json

import pytest

from shared.gateway import Prompt, Turn
from shared.gateway.privacy import PLACEHOLDER_CHARACTERS_MAX, Mask, complete_words

EMAIL, OTHER_EMAIL = "jane.roe@example.com", "bob@example.org"


def prompt(body: str, passage: str = "", *turns: Turn) -> Prompt:
    return Prompt(
        name="t",
        version="v1",
        system="Placeholders look like [EMAIL_1].",
        user={"body": body, "passages": [{"number": 1, "text": passage}]},
        turns=turns,
    )


def covered(asked: Prompt) -> tuple[Mask, str]:
    mask = Mask()
    mask.learn(asked)
    return mask, json.dumps(mask.cover(asked).messages())


def test_nothing_personal_leaves_and_everything_else_does() -> None:
    _, sent = covered(prompt(f"Line\n{EMAIL}\nwants v12", f"Write to {OTHER_EMAIL}", Turn("assistant", EMAIL)))

    assert EMAIL not in sent
    assert OTHER_EMAIL not in sent
    assert "wants v12" in sent
    assert sent.count("[EMAIL_1]") == 3  # The instructions' example, the body, the turn.
    assert "[EMAIL_2]" in sent


def test_placeholders_that_stand_there_already_keep_their_meaning() -> None:
    mask, sent = covered(prompt(f"I am [EMAIL_3], not {EMAIL}"))

    assert "[EMAIL_4]" in sent
    assert mask.uncover("[EMAIL_3] and [EMAIL_4]", is_json=False) == (f"[EMAIL_3] and {EMAIL}", False)


REWRITTEN = ["[EMAIL_1]", "[email_1]", "[Email 1]", "\\[EMAIL_1\\]", "\\\\[EMAIL_1\\\\]", "<EMAIL_1>", "(EMAIL_1)"]


@pytest.mark.parametrize("written", [*REWRITTEN, "EMAIL_1", "[ EMAIL_1 ]", "[EMAIL-1]"])
def test_models_rewrite_placeholders(written: str) -> None:
    mask, _ = covered(prompt(EMAIL))

    assert mask.uncover(f"Write to {written}.", is_json=False) == (f"Write to {EMAIL}.", False)


def test_originals_are_escaped_inside_json() -> None:
    key = '-----BEGIN PRIVATE KEY-----\nab"c\\\n-----END PRIVATE KEY-----'
    mask, sent = covered(prompt(key))
    assert "PRIVATE KEY" not in sent

    text, _ = mask.uncover('{"text": "[SECRET_1]"}', is_json=True)
    assert json.loads(text) == {"text": key}


def test_a_placeholder_that_nobody_gave_is_noticed() -> None:
    mask, _ = covered(prompt("No data here"))

    assert mask.uncover("Ask [EMAIL_1]", is_json=False) == ("Ask [EMAIL_1]", True)
    assert mask.uncover("See [STEP_1], (a 1) and RFC_2119", is_json=False) == (
        "See [STEP_1], (a 1) and RFC_2119",
        False,
    )


def test_what_stays_here_is_not_covered_but_its_placeholders_are_known() -> None:
    mask = Mask()
    mask.learn(prompt(f"{EMAIL} [PHONE_2]"))

    assert mask.uncover("[phone_2] [PHONE_9]", is_json=False) == ("[PHONE_2] [PHONE_9]", True)


@pytest.mark.parametrize("written", [*REWRITTEN, "EMAIL_1", "[ EMAIL_1 ]"])
def test_no_seam_of_a_stream_goes_through_a_placeholder(written: str) -> None:
    mask, _ = covered(prompt(EMAIL))
    whole = f"{'word (' * 30} {written} {'word, ' * 30}"
    for length in range(1, 9):
        said, held = "", ""
        for start in range(0, len(whole), length):
            ready, held = complete_words(held + whole[start : start + length])
            said += mask.uncover(ready, is_json=False)[0]
            assert len(held) <= 4 * PLACEHOLDER_CHARACTERS_MAX
        said += mask.uncover(held, is_json=False)[0]

        assert said == whole.replace(written, EMAIL)
