"""A bounded load: so many requests, so many at once, and what each took."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Send = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Figures:
    """Milliseconds of each request, sorted, and requests a second over the whole load."""

    milliseconds: list[float]
    per_second: float

    def percentile(self, percent: int) -> float:
        """The nearest-rank percentile, in milliseconds."""
        rank = max(1, -(-percent * len(self.milliseconds) // 100))
        return self.milliseconds[rank - 1]


async def load(send: Send, requests: int, at_once: int) -> Figures:
    """Send so many requests from `at_once` loops; an error of one ends the load."""
    left = iter(range(requests))
    spent: list[float] = []

    async def loop() -> None:
        for _ in left:
            started = time.perf_counter()
            await send()
            spent.append((time.perf_counter() - started) * 1000)

    started = time.perf_counter()
    await asyncio.gather(*(loop() for _ in range(at_once)))
    return Figures(sorted(spent), requests / (time.perf_counter() - started))
