"""Waiting for another process, with a timeout."""

import time
from collections.abc import Callable


def wait_until(met: Callable[[], bool], patience_seconds: float) -> None:
    """Return when the condition is met; raises AssertionError when it is not met in time."""
    give_up = time.monotonic() + patience_seconds
    while not met():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)
