"""What an error of a provider means: whether to try again, how long to wait, and what it may have cost."""

import math
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai

PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 8.0
RETRY_AFTER_SECONDS_MAX = 20.0
_MAY_PASS = frozenset({408, 409, 425, 429})
# A server that gave up waiting for another may have to pay that one.
_MAY_HAVE_WORKED = frozenset({408, 504})
# The request is to blame, or the account's rate: the tier serves others as well as before.
_NOT_THE_TIER = frozenset({400, 409, 413, 422, 425, 429})
_NEVER_CONNECTED = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})


def pause_after(error: Exception, attempt: int) -> float | None:
    """Seconds to wait before the next try: what the server asks for, else exponential with full jitter.

    None where another try is of no use, or where the server asks for more patience than there is.
    """
    if isinstance(error, openai.APIStatusError):
        if error.status_code < 500 and error.status_code not in _MAY_PASS:
            return None
    elif not isinstance(error, openai.APIConnectionError | TimeoutError):
        return None
    wish = wish_of(error)
    if wish is None:
        return random.uniform(0.0, min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2.0**attempt))
    return wish + random.uniform(0.0, 0.1) if 0.0 <= wish <= RETRY_AFTER_SECONDS_MAX else None


def wish_of(error: Exception) -> float | None:
    """The seconds that the server wants to be left alone (RFC 9110, section 10.2.3: seconds or a date), if it says."""
    if not isinstance(error, openai.APIStatusError):
        return None
    headers = error.response.headers
    try:
        seconds = float(headers["retry-after"])
        return seconds if math.isfinite(seconds) else None
    except (KeyError, ValueError):
        pass
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds()) if until.tzinfo else None


def reason_of(error: BaseException) -> str:
    """The kind of the error and its status; the provider's words might repeat what was sent."""
    if isinstance(error, openai.APIStatusError):
        return f"{type(error).__name__} {error.status_code}"
    if isinstance(error, openai.APIError | TimeoutError | ValueError):
        return type(error).__name__
    return str(error)


def may_have_cost(error: BaseException) -> bool:
    """Whether the provider may ask money for the request: all but what it declined or what never reached it."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _MAY_HAVE_WORKED
    if isinstance(error, openai.APIConnectionError):
        return type(error.__cause__).__name__ not in _NEVER_CONNECTED
    return True


def says_nothing_of_the_tier(error: BaseException) -> bool:
    """Whether the error is the request's or the caller's own, so that the tier is no worse for it."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _NOT_THE_TIER
    return not isinstance(error, Exception)
