"""What an error means: another try or none, how long to wait, whether it may have cost money."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import openai
import pytest

from shared.gateway.patience import may_have_cost, pause_after, reason_of, says_nothing_of_the_tier, wish_of
from shared.gateway.provider import ResponseMalformed

REQUEST = httpx2.Request("POST", "http://test/v1/chat/completions")


def status(code: int, **headers: str) -> openai.APIStatusError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx2.Response(code, headers=named, request=REQUEST)
    return openai.APIStatusError("the customer's own words", response=response, body=None)


def unreachable(cause: Exception) -> openai.APIConnectionError:
    error = openai.APIConnectionError(request=REQUEST)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("code", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again_with_growing_jitter(code: int) -> None:
    pauses = [pause_after(status(code), attempt=3) for _ in range(200)]

    assert all(pause is not None and 0.0 <= pause <= 4.0 for pause in pauses)
    assert len(set(pauses)) > 100


@pytest.mark.parametrize("error", [status(400), status(401), status(404), status(422), ResponseMalformed("x")])
def test_what_lasts_is_not_tried_again(error: Exception) -> None:
    assert pause_after(error, attempt=1) is None


def test_the_servers_wish_is_kept_while_it_is_bearable() -> None:
    pause = pause_after(status(429, retry_after="7"), attempt=1)

    assert pause is not None
    assert 7.0 <= pause <= 7.1
    assert pause_after(status(429, retry_after="3600"), attempt=1) is None
    assert pause_after(status(429, retry_after="-1"), attempt=1) is None


def test_a_wish_may_be_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

    assert wish_of(status(503, retry_after=soon)) == pytest.approx(90, abs=3)
    assert wish_of(status(503, retry_after=format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True))) == 0.0


@pytest.mark.parametrize("nonsense", ["soon", "nan", "inf", "", "Mon, 99 Foo 2026"])
def test_a_wish_that_is_none_is_ignored(nonsense: str) -> None:
    assert wish_of(status(429, retry_after=nonsense)) is None
    assert pause_after(status(429, retry_after=nonsense), attempt=1) is not None


COSTLESS = [status(429), status(500), status(400), unreachable(httpx2.ConnectError("no"))]
MAYBE_COSTLY = [
    TimeoutError(),
    status(504),
    unreachable(httpx2.ReadError("cut")),
    openai.APITimeoutError(request=REQUEST),
    ResponseMalformed("half"),
]


@pytest.mark.parametrize("error", COSTLESS)
def test_what_was_declined_or_never_arrived_costs_nothing(error: Exception) -> None:
    assert not may_have_cost(error)


@pytest.mark.parametrize("error", MAYBE_COSTLY)
def test_what_may_have_been_worked_on_may_cost(error: Exception) -> None:
    assert may_have_cost(error)


def test_a_bad_request_says_nothing_of_the_tier_and_a_bad_server_does() -> None:
    assert says_nothing_of_the_tier(status(400))
    assert says_nothing_of_the_tier(status(429))
    assert not says_nothing_of_the_tier(status(500))
    assert not says_nothing_of_the_tier(status(401))
    assert not says_nothing_of_the_tier(TimeoutError())


def test_reasons_never_repeat_the_providers_words() -> None:
    assert reason_of(status(429)) == "APIStatusError 429"
