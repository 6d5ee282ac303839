"""Deadlines: how long a request may still take, and the timeouts of the calls it makes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from shared.errors import DeadlineExceeded

Clock = Callable[[], float]
"""A monotonic clock in seconds, such as `time.monotonic`."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment by which a request must be answered; every timeout is computed from it."""

    ends_at: float
    clock: Clock

    @classmethod
    def starting(
        cls, budget_seconds: float, lambda_remaining_ms: int | None = None, clock: Clock = time.monotonic
    ) -> Self:
        """Return the deadline of a budget that starts now, limited by the platform's remaining time."""
        seconds = budget_seconds
        if lambda_remaining_ms is not None:
            seconds = min(seconds, lambda_remaining_ms / 1000)
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Return the remaining seconds, 0 after the deadline."""
        return max(0.0, self.ends_at - self.clock())

    def timeout(self, at_most: float, keep: float = 0) -> float:
        """Return the timeout of one call in seconds, so that `keep` seconds remain after it.

        Raises:
            DeadlineExceeded: no time remains for the call.
        """
        available = self.remaining() - keep
        if available <= 0:
            raise DeadlineExceeded
        return min(at_most, available)

    def minus(self, seconds: float) -> Self:
        """Return a deadline that is `seconds` earlier, for work after which something must still be done."""
        return type(self)(self.ends_at - seconds, self.clock)
