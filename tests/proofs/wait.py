"""Waiting for another process, with an end to patience."""

import time
from collections.abc import Callable


def wait_until(met: Callable[[], bool], patience_seconds: float) -> None:
    """Return once the condition is met; raises AssertionError when it never is."""
    give_up = time.monotonic() + patience_seconds
    while not met():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)
