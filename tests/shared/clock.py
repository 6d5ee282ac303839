"""A clock for tests."""


class HandClock:
    """Seconds that change only when the test moves them."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the seconds, as `time.monotonic` would."""
        return self.now
