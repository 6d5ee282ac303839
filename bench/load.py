"""A bounded load: a number of requests, a number of them at the same time, and the time of each."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Send = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Figures:
    """Milliseconds of each request, sorted, and requests per second over the whole load."""

    milliseconds: list[float]
    per_second: float

    def percentile(self, percent: int) -> float:
        """Return the nearest-rank percentile, in milliseconds."""
        rank = max(1, -(-percent * len(self.milliseconds) // 100))
        return self.milliseconds[rank - 1]


async def load(send: Send, requests: int, at_once: int) -> Figures:
    """Send `requests` requests from `at_once` loops and return their times; raises the first error of a request."""
    remaining = iter(range(requests))
    spent: list[float] = []

    async def loop() -> None:
        for _ in remaining:
            started = time.perf_counter()
            await send()
            spent.append((time.perf_counter() - started) * 1000)

    started = time.perf_counter()
    await asyncio.gather(*(loop() for _ in range(at_once)))
    return Figures(sorted(spent), requests / (time.perf_counter() - started))
