"""The state of one request: ids, deadline, timings and the fields of its log line."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from shared.deadline import Deadline


@dataclass(slots=True)
class RequestContext:
    """One request: `request_id` is ours and the id of the ledger's row, `echo_id` is the caller's x-request-id."""

    request_id: UUID
    echo_id: str
    deadline: Deadline
    budget: Callable[[float], Deadline] = Deadline.starting
    guard: asyncio.Timeout | None = None
    started: float = field(default_factory=time.monotonic)
    fields: dict[str, object] = field(default_factory=dict)
    timings_ms: dict[str, float] = field(default_factory=dict)
    running: Counter[str] = field(default_factory=Counter)

    def extend(self, seconds: float) -> None:
        """Set a new budget in seconds from now, limited by the platform, for the deadline and the guard."""
        gained = -self.deadline.remaining()
        self.deadline = self.budget(seconds)
        gained += self.deadline.remaining()
        if self.guard is not None and (when := self.guard.when()) is not None:
            self.guard.reschedule(when + gained)

    def elapsed_ms(self) -> float:
        """Return the milliseconds since the request arrived."""
        return (time.monotonic() - self.started) * 1000

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the duration of the block to a part of the request, for Server-Timing and the log.

        Overlapping blocks of one part count once: from the start of the first to the end of the last.
        """
        if self.running[part] == 0:
            self.timings_ms[part] = self.timings_ms.get(part, 0.0) - time.monotonic() * 1000
        self.running[part] += 1
        try:
            yield
        finally:
            self.running[part] -= 1
            if self.running[part] == 0:
                self.timings_ms[part] += time.monotonic() * 1000

    def server_timing(self) -> str:
        """Return the value of the Server-Timing header, in milliseconds."""
        parts = {**self.timings_ms, "total": self.elapsed_ms()}
        return ", ".join(f"{name};dur={spent:.1f}" for name, spent in parts.items())
