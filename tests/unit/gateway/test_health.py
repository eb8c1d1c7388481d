"""A tier that keeps failing is left alone, then tried by one request at a time."""

import pytest

from shared.gateway.health import FAILURES_MAX, OPEN_SECONDS, OPEN_SECONDS_MAX, Breaker, CircuitOpen, Latency


class Hands:
    """A clock whose hands are moved by the test."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def hands() -> Hands:
    return Hands()


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.admit()
        breaker.fail()


def opened(hands: Hands) -> Breaker:
    breaker = Breaker(hands)
    fail(breaker, FAILURES_MAX)
    return breaker


def test_failures_in_a_row_open_the_circuit(hands: Hands) -> None:
    breaker = Breaker(hands)
    fail(breaker, FAILURES_MAX - 1)
    breaker.admit()
    breaker.succeed()
    fail(breaker, FAILURES_MAX - 1)
    assert not breaker.is_resting

    fail(breaker, 1)
    with pytest.raises(CircuitOpen):
        breaker.admit()


def test_after_a_while_one_request_tries_and_its_success_closes_the_circuit(hands: Hands) -> None:
    breaker = opened(hands)
    hands.at += OPEN_SECONDS
    breaker.admit()
    with pytest.raises(CircuitOpen):
        breaker.admit()

    breaker.succeed()
    breaker.admit()
    breaker.admit()


def test_a_failed_try_opens_it_for_twice_as_long_up_to_a_bound(hands: Hands) -> None:
    breaker = opened(hands)
    hands.at += OPEN_SECONDS
    fail(breaker, 1)
    hands.at += OPEN_SECONDS
    assert breaker.is_resting
    hands.at += OPEN_SECONDS
    assert not breaker.is_resting

    for _ in range(20):
        hands.at += OPEN_SECONDS_MAX
        fail(breaker, 1)
    hands.at += OPEN_SECONDS_MAX
    assert not breaker.is_resting


def test_a_try_whose_caller_went_away_lets_the_next_one_try(hands: Hands) -> None:
    breaker = opened(hands)
    hands.at += OPEN_SECONDS
    breaker.admit()
    breaker.forget()

    breaker.admit()


def test_requests_that_were_under_way_do_not_open_it_for_longer(hands: Hands) -> None:
    breaker = Breaker(hands)
    for _ in range(50):
        breaker.admit()
    for _ in range(50):
        breaker.fail()
    hands.at += OPEN_SECONDS

    assert not breaker.is_resting


def test_a_server_that_wants_rest_gets_it_within_bounds(hands: Hands) -> None:
    breaker = Breaker(hands)
    breaker.rest(1e9)
    assert breaker.is_resting
    hands.at += OPEN_SECONDS_MAX

    assert not breaker.is_resting


def test_latency_is_what_was_expected_until_enough_was_measured() -> None:
    latency = Latency(7.0)
    for seconds in range(19):
        latency.add(float(seconds))
    assert latency.p95_seconds == 7.0

    for seconds in range(19, 100):
        latency.add(float(seconds))
    assert latency.p95_seconds == 95.0


def test_latency_forgets_the_past() -> None:
    latency = Latency(7.0)
    for seconds in [100.0] * 200 + [1.0] * 200:
        latency.add(seconds)

    assert latency.p95_seconds == 1.0
