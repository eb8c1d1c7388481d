"""Figures in words for people."""

from datetime import datetime, timedelta

FEW_CASES = 50
# Below this, what answered similar tickets is no hint.
ANSWERS_SELDOM = 0.1


def due_words(due_at: datetime, now: datetime) -> str:
    """How long until `due_at`, such as `in 2 h 5 min` or `3 min overdue`."""
    seconds = (due_at - now).total_seconds()
    length = duration_words(timedelta(seconds=abs(seconds)))
    return f"in {length}" if seconds >= 0 else f"{length} overdue"


def duration_words(length: timedelta) -> str:
    """The two largest units of a length of time: `2 d 3 h`, `2 h 5 min`, `5 min`, `40 s`."""
    minutes = int(length.total_seconds()) // 60
    if minutes < 1:
        return f"{int(length.total_seconds())} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def confidence_words(confidence: float, sample_size: int) -> str:
    """What a calibrated probability means, and how much stands behind it."""
    if sample_size == 0:
        return "A guess: no decided case stands behind this number yet."
    meaning = f"Of 100 drafts scored like this, about {round(100 * confidence)} are right."
    if sample_size < FEW_CASES:
        return f"{meaning} Only {sample_size} decided cases stand behind this, so take it as rough."
    return f"{meaning} Measured on {sample_size} decided cases."


def sentiment_word(sentiment: float) -> str:
    """The mood of a message, from -1 (angry) to 1 (happy); neutral is what the model of moods takes for neutral."""
    bounds = ((-0.6, "angry"), (-0.3, "unhappy"), (0.2, "neutral"))
    return next((word for bound, word in bounds if sentiment <= bound), "friendly")


def answered_words(probability: float) -> str:
    """How often an article answers tickets like the one at hand; empty where that is seldom."""
    if probability < ANSWERS_SELDOM:
        return ""
    return f"Answers about {round(100 * probability)} of 100 tickets like this one."
