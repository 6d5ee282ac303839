"""Requests to the simulated provider and how each ended: the provider's side of every bill."""

import hashlib
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

_REQUESTS_KEPT = 100_000
_BODIES_KEPT = 1_000


@dataclass
class Entry:
    """One request. `finished` and `aborted` are both false while it runs, one of them is true after it."""

    id: str
    at: float
    body_sha: str
    endpoint: str = "chat.completions"
    model: str | None = None
    stream: bool = False
    status: int = 0
    fault: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    chunks_sent: int = 0
    finished: bool = False
    aborted: bool = False
    body: str = field(default="", repr=False)

    def finish(self, status: int) -> None:
        """Note that the answer was sent completely, or ended as its fault says."""
        self.status, self.finished = status, True

    def abort(self) -> None:
        """Note that the client disconnected before the end of the answer."""
        self.aborted = True


class Journal:
    """The requests since the last reset, oldest first; with the bodies of the newest thousand."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_REQUESTS_KEPT)

    def open(self, request_id: str, at: float, body: bytes) -> Entry:
        """Note a request when its body has arrived."""
        entry = Entry(request_id, at, hashlib.sha256(body).hexdigest(), body=body.decode("utf-8", "replace"))
        self._entries.append(entry)
        if len(self._entries) > _BODIES_KEPT:
            self._entries[-_BODIES_KEPT - 1].body = ""
        return entry

    def rows(self, *, bodies: bool) -> list[dict[str, Any]]:
        """Return every request as a JSON object, with its body if asked for and still stored."""
        rows = [asdict(entry) for entry in self._entries]
        return rows if bodies else [{name: row[name] for name in row if name != "body"} for row in rows]

    def clear(self) -> None:
        """Forget every request; one that is still running is no longer listed."""
        self._entries.clear()
