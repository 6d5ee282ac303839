"""What is fetched once and kept: one load for all who ask at once, for so long, and nothing after a failure."""

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
"""Return the seconds that a caller can wait; asked only where a load is needed."""


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds up to which a value is used without a load, and up to which it is trusted where a load failed.

    For the seconds of the pause after that, whoever may trust the value does not wait for another load.
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
    """Keeps at most `most` values by key, and drops the one that was not asked for longest.

    A value of a lower `version` never replaces one of a higher.
    """

    def __init__(
        self,
        ages: Ages,
        *,
        most: int = 1,
        version: Callable[[Value], int] = lambda _: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ages, self._most, self._version, self._clock = ages, most, version, clock
        self._held: OrderedDict[Key, _Held[Value]] = OrderedDict()
        self._flights: dict[Key, asyncio.Task[Value]] = {}

    def current(self, key: Key) -> Value | None:
        """Return the value that may be used without a load, None where there is none."""
        held = self._held.get(key)
        if held is None or self._clock() >= held.renew_at:
            return None
        self._held.move_to_end(key)
        return held.value

    def trusted(self, key: Key) -> Value | None:
        """Return the last value as long as it may be used where a load failed, None where there is none."""
        held = self._held.get(key)
        return held.value if held is not None and self._clock() < self._trusted_until(held) else None

    async def get(self, key: Key, read: Read[Value], wait: Wait) -> Value:
        """Return the current value, else a loaded one, else the trusted one; raises as `load` does where none is."""
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
        """Return what the load under way brings, or one that is begun by `read`, whatever is kept.

        It goes on without those who leave, and what it brings is kept for whoever asks next.

        Raises:
            ServiceUnavailable: it brought nothing while this caller could wait.
            Exception: whatever `read` raised, for all who waited, or `wait`, before anything is begun.
        """
        seconds = wait()
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(self.begin(key, read))
        except TimeoutError as exc:
            self._pause(key)
            raise ServiceUnavailable from exc

    def begin(self, key: Key, read: Read[Value]) -> asyncio.Task[Value]:
        """Return the load under way, or begin one by `read`; nobody has to wait for it."""
        if not self.is_loading(key):
            self._flights[key] = asyncio.get_running_loop().create_task(self._fly(key, read))
            # Its failure is looked at here: all who waited for it may have left.
            self._flights[key].add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._flights[key]

    def is_loading(self, key: Key) -> bool:
        """Return whether a load is under way, which the next one to ask would join."""
        # One that was cancelled before its first step could not take itself away.
        return key in self._flights and not self._flights[key].done()

    def keep(self, key: Key, value: Value) -> None:
        """Take a value as one that was loaded just now."""
        held, now = self._held.get(key), self._clock()
        if held is not None and self._version(held.value) > self._version(value):
            return
        self._held[key] = _Held(value, now, now + self._ages.fresh)
        self._held.move_to_end(key)
        while len(self._held) > self._most:
            self._held.popitem(last=False)

    def expire(self, key: Key) -> None:
        """Let the next one who asks load it; until that brings something, the value may be trusted."""
        if key in self._held:
            self._held[key].renew_at = self._clock()

    def drop_all(self) -> list[Value]:
        """Keep nothing any more, and return what was kept."""
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
