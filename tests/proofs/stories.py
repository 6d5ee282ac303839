"""What a user does in one round of a kill: calls of one kind, each at a worker, and what he saw of them."""

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
    """Where the workers listen."""

    def ports(self) -> list[int]:
        """Their ports, by number."""


@dataclass
class Story:
    """One user's calls of a kind; `answers` are the whole replies to buffered calls."""

    kind: str
    user: User
    energy: int
    answers: list[Answer] = field(default_factory=list)

    @property
    def key(self) -> str | None:
        """The idempotency key, where the kind has one."""
        return "the-one-key" if self.kind == "keyed" else None

    def body(self) -> dict[str, Any]:
        """The call, with the user's id in its words, by which the provider's books tell whose it was."""
        body = orchestrated(retryAttempts=1)
        if self.kind == "grouped":
            body["config"]["transactionId"] = "the-one-group"
        if self.kind in {"streamed", "left"}:
            body["stream"] = True
        body["messages"] = [{"role": "user", "content": f"Say hello to Maria, says {self.user.id}."}]
        return body

    def calls(self, places: Places, apikey: str, dice: random.Random) -> list[Coroutine[Any, Any, None]]:
        """Everything that happens at once; the worker of each call is the dice's choice."""
        count = {"keyed": 2, "grouped": 3}.get(self.kind, 1)
        ports = places.ports()
        if self.kind == "left":
            return [self._leave(dice.choice(ports), apikey, dice.randrange(1, 3000))]
        return [self.call(dice.choice(ports), apikey) for _ in range(count)]

    async def call(self, port: int, apikey: str) -> None:
        """One call, read to its end, whatever that is."""
        answer = await post(port, apikey, self.user, self.body(), self.key)
        if answer is not None:
            self.answers.append(answer)

    async def _leave(self, port: int, apikey: str, after_bytes: int) -> None:
        """Read so many bytes of a stream, and close the connection."""
        try:
            async with posted(port, apikey, self.user, self.body()) as reader:
                await reader.readexactly(after_bytes)
        except (OSError, asyncio.IncompleteReadError):
            return

    def told(self) -> list[dict[str, Any]]:
        """The bodies of whole JSON replies, with their status."""
        whole = [answer for answer in self.answers if answer.body.startswith(b"{")]
        return [{"status": answer.status, **json.loads(answer.body)} for answer in whole]
