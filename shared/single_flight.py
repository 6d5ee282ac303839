"""A cache with single flight: callers share one load, values expire, and failures are not kept."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.errors import ServiceUnavailable

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Read = Callable[[], Awaitable[Value]]
Wait = Callable[[], float]
"""Return the seconds that a caller can wait; called only if a load is needed."""


@dataclass(frozen=True, slots=True)
class Ages:
    """Ages in seconds: up to `fresh` a value is used without a load, up to `trusted` after a failed load.

    For `pause` seconds after a failed load, callers get a trusted value without another load.
    """

    fresh: float = math.inf
    trusted: float = 0
    pause: float = 0


@dataclass(slots=True)
class _Held(Generic[Value]):
    value: Value
    loaded_at: float
    renew_at: float


class SingleFlight(Generic[Key, Value]):
    """Keeps up to `max_values` values by key, and drops the least recently used one.

    A value never replaces one of a higher `version`.
    """

    def __init__(
        self,
        ages: Ages,
        *,
        max_values: int = 1,
        version: Callable[[Value], int] = lambda _: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ages, self._max_values, self._version, self._clock = ages, max_values, version, clock
        self._held: OrderedDict[Key, _Held[Value]] = OrderedDict()
        self._flights: dict[Key, asyncio.Task[Value]] = {}

    def current(self, key: Key) -> Value | None:
        """Return the value that may be used without a load, or None."""
        held = self._held.get(key)
        if held is None or self._clock() >= held.renew_at:
            return None
        self._held.move_to_end(key)
        return held.value

    def trusted(self, key: Key) -> Value | None:
        """Return the value that may be used after a failed load, or None."""
        held = self._held.get(key)
        return held.value if held is not None and self._clock() < self._trusted_until(held) else None

    async def get(self, key: Key, read: Read[Value], wait: Wait) -> Value:
        """Return the current value, else a loaded one, else the trusted one, else raise as `load` does."""
        current = self.current(key)
        if current is not None:
            return current
        try:
            return await self.load(key, read, wait)
        except Exception:
            trusted = self.trusted(key)
            if trusted is None:
                raise
            return trusted

    async def load(self, key: Key, read: Read[Value], wait: Wait) -> Value:
        """Return the value of the running load, or of a new one by `read`, even if a value is kept.

        A load continues if its callers are cancelled, and its value is kept.

        Raises:
            ServiceUnavailable: the load did not end while this caller could wait.
            Exception: the exception of `read`, for all callers, or of `wait`, before a load is started.
        """
        seconds = wait()
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(self.start(key, read))
        except TimeoutError as exc:
            self._pause(key)
            raise ServiceUnavailable from exc

    def start(self, key: Key, read: Read[Value]) -> asyncio.Task[Value]:
        """Return the running load, or start one by `read`; it need not be awaited."""
        if not self.is_loading(key):
            self._flights[key] = asyncio.get_running_loop().create_task(self._fly(key, read))
            # Its exception is retrieved here, because all its callers may have been cancelled.
            self._flights[key].add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._flights[key]

    def is_loading(self, key: Key) -> bool:
        """Return whether a load is running, which the next caller would share."""
        # A task that was cancelled before its first step could not remove itself.
        return key in self._flights and not self._flights[key].done()

    def keep(self, key: Key, value: Value) -> None:
        """Store a value as if it was loaded just now."""
        held, now = self._held.get(key), self._clock()
        if held is not None and self._version(held.value) > self._version(value):
            return
        self._held[key] = _Held(value, now, now + self._ages.fresh)
        self._held.move_to_end(key)
        while len(self._held) > self._max_values:
            self._held.popitem(last=False)

    def expire(self, key: Key) -> None:
        """Make the next caller load the value; until that succeeds, the kept value may be trusted."""
        if key in self._held:
            self._held[key].renew_at = self._clock()

    def drop_all(self) -> list[Value]:
        """Remove all values and return them."""
        dropped, self._held = self._held, OrderedDict()
        return [held.value for held in dropped.values()]

    async def _fly(self, key: Key, read: Read[Value]) -> Value:
        try:
            value = await read()
        except Exception:
            self._pause(key)
            raise
        finally:
            del self._flights[key]
        self.keep(key, value)
        return value

    def _pause(self, key: Key) -> None:
        if (held := self._held.get(key)) is not None:
            paused = max(held.renew_at, self._clock() + self._ages.pause)
            held.renew_at = min(paused, self._trusted_until(held))

    def _trusted_until(self, held: _Held[Value]) -> float:
        return held.loaded_at + max(self._ages.fresh, self._ages.trusted)
