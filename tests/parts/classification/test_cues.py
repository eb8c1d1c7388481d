"""What words give away, and what they must not."""

import pytest

from services.classification.rules.cues import phrases_of_risk, sentiment, urgency

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


def test_pressing_and_unhurried_customers_are_told_apart() -> None:
    assert urgency("URGENT: production is down") == 1
    assert urgency("No rush at all, just curious: is it urgent to upgrade?") == -1
    assert urgency("How do I add a domain?") == 0


def test_mood_goes_from_furious_to_delighted() -> None:
    furious = sentiment("This is USELESS, a DISGRACE and TERRIBLE!! I hate it!!")
    plain = sentiment("How do I add a domain?")
    delighted = sentiment("Thank you, the support is wonderful and I love the product")

    assert -1.0 <= furious < -0.5 < plain < 0.5 < delighted <= 1.0


def test_a_hostile_text_of_full_length_is_read_in_bounded_steps() -> None:
    # A pattern that backtracks without bound would run into the suite's time limit here.
    text = "talk to your token please call us with a " * 50_000

    assert phrases_of_risk(text, FLAGS) <= set(FLAGS)
    assert phrases_of_risk("a" * 1_000_000, FLAGS) == frozenset()
