"""How a tier is doing: whether its circuit is closed, and how long its responses take."""

import time
from collections import deque
from collections.abc import Callable

FAILURES_MAX = 5
OPEN_SECONDS = 15.0
OPEN_SECONDS_MAX = 300.0
_LATENCIES_KEPT = 200
_LATENCIES_MIN = 20


class CircuitOpen(Exception):
    """The tier failed too often of late and is left alone for a while."""


class Breaker:
    """A circuit that opens after FAILURES_MAX failures in a row (Nygard, Release It!, 2018).

    Once its time has passed, one request may try (half-open): its success closes the circuit, its failure opens it for
    twice as long. Each `admit` is followed by exactly one of `succeed`, `fail` and `forget`.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._open_until = 0.0
        self._open_seconds = OPEN_SECONDS
        self._is_probing = False

    @property
    def is_resting(self) -> bool:
        """Whether a request would be refused now."""
        return self._monotonic() < self._open_until or (self._failures >= FAILURES_MAX and self._is_probing)

    def admit(self) -> None:
        """Lets a request pass.

        Raises:
            CircuitOpen: the circuit is open, or half-open with its one request under way.
        """
        if self.is_resting:
            raise CircuitOpen("its circuit is open")
        self._is_probing = True

    def succeed(self) -> None:
        """The admitted request brought a response."""
        self._failures, self._open_seconds, self._is_probing = 0, OPEN_SECONDS, False

    def fail(self) -> None:
        """The admitted request failed in a way that says something about the tier."""
        if self._monotonic() < self._open_until:
            # Requests that were under way when the circuit opened say nothing new.
            return
        self._is_probing = False
        self._failures += 1
        if self._failures > FAILURES_MAX:
            self._open_seconds = min(2 * self._open_seconds, OPEN_SECONDS_MAX)
        if self._failures >= FAILURES_MAX:
            self._open_until = self._monotonic() + self._open_seconds

    def forget(self) -> None:
        """The admitted request ended without telling anything, as when its caller went away."""
        self._is_probing = False

    def rest(self, seconds: float) -> None:
        """Leaves the tier alone for as long as its server asks, at most OPEN_SECONDS_MAX."""
        self._open_until = max(self._open_until, self._monotonic() + min(seconds, OPEN_SECONDS_MAX))


class Latency:
    """The last 200 response times of a tier, in seconds."""

    def __init__(self, expected_seconds: float) -> None:
        self._expected = expected_seconds
        self._seconds: deque[float] = deque(maxlen=_LATENCIES_KEPT)

    def add(self, seconds: float) -> None:
        """A response took that long."""
        self._seconds.append(seconds)

    @property
    def p95_seconds(self) -> float:
        """Within which 95 of 100 responses come; what was expected until there are 20."""
        if len(self._seconds) < _LATENCIES_MIN:
            return self._expected
        return sorted(self._seconds)[int(0.95 * len(self._seconds))]
