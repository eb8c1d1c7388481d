"""The pauses between tries are bounded and spread."""

from shared.stage import Patience


def test_pauses_lie_between_zero_and_a_ceiling_that_doubles_up_to_a_bound() -> None:
    patience = Patience(backoff_seconds=0.2, backoff_seconds_max=5.0)
    for attempt in (1, 2, 3, 10, 1000):
        pauses = [patience.pause(attempt) for _ in range(200)]
        ceiling = min(5.0, 0.2 * 2 ** min(attempt - 1, 30))
        assert min(pauses) >= 0.0
        assert ceiling / 2 < max(pauses) <= ceiling


def test_pauses_are_spread_so_that_consumers_do_not_return_together() -> None:
    pauses = {Patience().pause(5) for _ in range(50)}
    assert len(pauses) == 50
