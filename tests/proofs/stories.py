"""The calls of one user in one round of kills: each at a worker, with what the user received."""

import asyncio
import json
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.calls import orchestrated
from tests.proofs.wire import Answer, post, posted
from tests.users import User

KINDS = ("buffered", "streamed", "left", "keyed", "grouped")


class Places(Protocol):
    """The workers' addresses."""

    def ports(self) -> list[int]:
        """Return their ports, by number."""


@dataclass
class Story:
    """One user's calls of one kind; `answers` are the complete replies to buffered calls."""

    kind: str
    user: User
    energy: int
    answers: list[Answer] = field(default_factory=list)

    @property
    def key(self) -> str | None:
        """Return the idempotency key, where the kind has one."""
        return "the-one-key" if self.kind == "keyed" else None

    def body(self) -> dict[str, Any]:
        """Return the body of the call, with the user's id in its text, by which the provider's records are assigned."""
        body = orchestrated(retryAttempts=1)
        if self.kind == "grouped":
            body["config"]["transactionId"] = "the-one-group"
        if self.kind in {"streamed", "left"}:
            body["stream"] = True
        body["messages"] = [{"role": "user", "content": f"Say hello to Maria, says {self.user.id}."}]
        return body

    def calls(self, places: Places, apikey: str, dice: random.Random) -> list[Coroutine[Any, Any, None]]:
        """Return all simultaneous calls; the worker of each is chosen at random."""
        count = {"keyed": 2, "grouped": 3}.get(self.kind, 1)
        ports = places.ports()
        if self.kind == "left":
            return [self._leave(dice.choice(ports), apikey, dice.randrange(1, 3000))]
        return [self.call(dice.choice(ports), apikey) for _ in range(count)]

    async def call(self, port: int, apikey: str) -> None:
        """Make one call and read its reply to the end."""
        answer = await post(port, apikey, self.user, self.body(), self.key)
        if answer is not None:
            self.answers.append(answer)

    async def _leave(self, port: int, apikey: str, after_bytes: int) -> None:
        """Read a number of bytes of a stream, and close the connection."""
        try:
            async with posted(port, apikey, self.user, self.body()) as reader:
                await reader.readexactly(after_bytes)
        except (OSError, asyncio.IncompleteReadError):
            return

    def replies(self) -> list[dict[str, Any]]:
        """Return the bodies of complete JSON replies, with their status."""
        whole = [answer for answer in self.answers if answer.body.startswith(b"{")]
        return [{"status": answer.status, **json.loads(answer.body)} for answer in whole]
