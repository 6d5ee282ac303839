"""How long a request may still take, and from that the timeout of each call it makes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from shared.errors import DeadlineExceeded

Clock = Callable[[], float]
"""Seconds that only ever grow, as `time.monotonic` gives them."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """One moment by which a request must be over; every call gets its timeout from here."""

    ends_at: float
    clock: Clock

    @classmethod
    def starting(
        cls, budget_seconds: float, lambda_remaining_ms: int | None = None, clock: Clock = time.monotonic
    ) -> Self:
        """Begin a budget now: the function's own, or what the platform leaves it, whichever is less."""
        seconds = budget_seconds
        if lambda_remaining_ms is not None:
            seconds = min(seconds, lambda_remaining_ms / 1000)
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds left, 0 when it has passed."""
        return max(0.0, self.ends_at - self.clock())

    def timeout(self, at_most: float, keep: float = 0) -> float:
        """Return the seconds that one call may take while `keep` seconds stay for what must follow it.

        Raises:
            DeadlineExceeded: nothing is left for the call.
        """
        left = self.remaining() - keep
        if left <= 0:
            raise DeadlineExceeded
        return min(at_most, left)

    def minus(self, seconds: float) -> Self:
        """Return a deadline that ends earlier, for work that must leave time to those who asked for it."""
        return type(self)(self.ends_at - seconds, self.clock)
