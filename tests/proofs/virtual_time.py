"""An event loop with virtual time: when nothing can run, a callback decides what happens next."""

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any

Idle = Callable[[float | None], float]
"""Gets the seconds until the next timer (None: there is none); does one thing, or returns the seconds that pass."""


class _Selector(selectors.BaseSelector):
    """Never waits: where a loop would sleep, the world makes one step."""

    def __init__(self, waited: Callable[[float | None], None]) -> None:
        self._files = selectors.DefaultSelector()
        self._waited = waited

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Make one step of the world, unless a callback is ready."""
        if timeout is None or timeout > 0:
            self._waited(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401
        """Register the loop's own pipe."""
        return self._files.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401
        """Unregister the loop's own pipe."""
        return self._files.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """Return what the loop has registered."""
        return self._files.get_map()

    def close(self) -> None:
        """Close the selector of the pipe."""
        self._files.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which only `idle` lets time pass."""

    def __init__(self, idle: Idle) -> None:
        self.now = 0.0
        self._idle = idle
        super().__init__(_Selector(self._wait))

    def time(self) -> float:
        """Return the virtual seconds since the loop was created."""
        return self.now

    def _wait(self, seconds_to_timer: float | None) -> None:
        self.now += self._idle(seconds_to_timer)
