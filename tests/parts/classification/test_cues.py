"""What words give away, and what they must not."""

import pytest

from services.classification.rules.cues import phrases_of_risk

FLAGS = ("human_requested", "legal", "refund", "security", "vulnerable", "made_up")


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("Can I speak with somebody, an agent ideally?", "human_requested"),
        ("Könnte ich mit einem Mitarbeiter sprechen?", "human_requested"),
        ("Our solicitor has asked for the contract.", "legal"),
        ("I expect my money back.", "refund"),
        ("We were compromised last night", "security"),
        ("My husband passed away and I have his account.", "vulnerable"),
    ],
)
def test_a_phrase_gives_the_risk_away(text: str, flag: str) -> None:
    assert flag in phrases_of_risk(text, FLAGS)


@pytest.mark.parametrize(
    "text",
    [
        "The callback URL of our payment provider gets a 404.",
        "Our agent process on the worker restarts, what does the system log show?",
    ],
)
def test_ordinary_technical_words_are_no_risk(text: str) -> None:
    assert phrases_of_risk(text, FLAGS) == frozenset()


def test_only_flags_that_the_pack_defines_are_found() -> None:
    assert phrases_of_risk("I want a refund, says my lawyer, who has sued", ("legal",)) == {"legal"}


def test_a_hostile_text_of_full_length_is_read_in_bounded_steps() -> None:
    # A pattern that backtracks without bound would run into the suite's time limit here.
    text = "talk to your token please call us with a " * 50_000

    assert phrases_of_risk(text, FLAGS) <= set(FLAGS)
    assert phrases_of_risk("a" * 1_000_000, FLAGS) == frozenset()
