"""Decides what follows from an attempt to deliver an answer."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Attempted:
    """How one attempt went: `accepted` has a receipt; `refused` will never work; `unclear` may have worked."""

    result: Literal["accepted", "refused", "unclear"]
    receipt: str = ""
    error: str = ""
    retry_after_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Next:
    """What to do after an attempt: the sending's new status, and for `pending` the pause before the next try."""

    status: Literal["delivered", "failed", "pending"]
    pause_seconds: float = 0.0


def after(attempted: Attempted, *, attempts: int, attempts_max: int, backoff_seconds_max: float) -> Next:
    """What follows from attempt number `attempts` (from 1); pauses double from two seconds, bounded."""
    if attempted.result == "accepted":
        return Next(status="delivered")
    if attempted.result == "refused" or attempts >= attempts_max:
        return Next(status="failed")
    pause = min(backoff_seconds_max, 2.0 ** min(attempts, 30))
    return Next(status="pending", pause_seconds=max(pause, min(attempted.retry_after_seconds, backoff_seconds_max)))


def judge(status_code: int) -> Literal["accepted", "refused", "unclear"]:
    """What an HTTP status says of a reply: 408, 409, 425, 429 and all of 5xx may be tried again."""
    if 200 <= status_code < 300:
        return "accepted"
    if status_code >= 500 or status_code in (408, 409, 425, 429):
        return "unclear"
    return "refused"
