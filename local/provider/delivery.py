"""Sends an answer at the pace of its fault, and notices a client that disconnects before the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from local.provider import tokens
from local.provider.faults import Fault
from local.provider.journal import Entry

Headers = dict[str, str]


class _DisconnectedError(Exception):
    """The client closed the connection."""


class _CutError(Exception):
    """The fault ends the answer here."""


@dataclass(frozen=True)
class Pace:
    """Seconds before the first byte of text and between deltas; where to close the connection or to stop sending."""

    first_seconds: float = 0.0
    between_seconds: float = 0.0
    cut_after: int | None = None
    hang_after: int | None = None

    @classmethod
    def of(cls, fault: Fault | None) -> "Pace":
        """Return the pace of a fault; without a fault there is no delay."""
        if fault is None:
            return cls()
        return cls(
            first_seconds=fault.seconds if fault.kind == "slow_first_token" else 0.0,
            between_seconds=fault.seconds if fault.kind in {"drip", "chunks"} else 0.0,
            cut_after=(fault.after_chunks or 0) if fault.kind == "cut" else None,
            hang_after=fault.after_chunks if fault.kind == "hang" else None,
        )


@dataclass(frozen=True)
class Script:
    """The events of a stream: the opening, one for each delta with its text, and the closing ones."""

    opening: bytes
    deltas: list[tuple[str, bytes]]
    closing: list[bytes]


class Buffered:
    """A JSON answer in one body. A `cut` sends half of it and closes the connection."""

    def __init__(self, status: int, body: bytes, pace: Pace, entry: Entry, headers: Headers) -> None:
        self._status, self._body, self._pace, self._entry = status, body, pace, entry
        self._headers = {"content-type": "application/json", "content-length": str(len(body))} | headers

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Wait as the pace says, then send the body, unless the client disconnects."""
        async with _watched(receive, self._entry, self._status) as disconnected:
            await _pause(disconnected, self._pace.first_seconds + self._pace.between_seconds)
            await send(_start(self._status, self._headers))
            if self._pace.cut_after is not None:
                await send(_body(self._body[: len(self._body) // 2], more=True))
                raise _CutError
            await send(_body(self._body, more=False))


class Streamed:
    """A stream of server-sent events at the pace of its fault."""

    def __init__(self, script: Script, pace: Pace, entry: Entry, headers: Headers) -> None:
        self._script, self._pace, self._entry = script, pace, entry
        self._headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
        } | headers

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the end, the cut, or the client's disconnection."""
        whole_tokens, self._entry.completion_tokens = self._entry.completion_tokens, 0
        async with _watched(receive, self._entry) as disconnected:
            await send(_start(200, self._headers))
            await send(_body(self._script.opening, more=True))
            await _pause(disconnected, self._pace.first_seconds)
            await self._deltas(disconnected, send)
            for closing in self._script.closing:
                await send(_body(closing, more=True))
            self._entry.completion_tokens = whole_tokens
            await send(_body(b"", more=False))

    async def _deltas(self, disconnected: asyncio.Task[None], send: Send) -> None:
        for text, event in self._script.deltas:
            await self._obstruct(disconnected)
            await send(_body(event, more=True))
            self._entry.chunks_sent += 1
            self._entry.completion_tokens += tokens.count(text)
            await _pause(disconnected, self._pace.between_seconds)
        await self._obstruct(disconnected)

    async def _obstruct(self, disconnected: asyncio.Task[None]) -> None:
        if self._pace.cut_after is not None and self._entry.chunks_sent >= self._pace.cut_after:
            raise _CutError
        if self._pace.hang_after is not None and self._entry.chunks_sent >= self._pace.hang_after:
            await _pause(disconnected, None)


class Silence:
    """No answer: the connection stays open until the client disconnects or `seconds` are over."""

    def __init__(self, entry: Entry, seconds: float | None) -> None:
        self._entry, self._seconds = entry, seconds

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        """Wait until the client disconnects."""
        async with _watched(receive, self._entry) as disconnected:
            await _pause(disconnected, self._seconds)


@asynccontextmanager
async def _watched(receive: Receive, entry: Entry, status: int = 200) -> AsyncIterator[asyncio.Task[None]]:
    """Watch the connection while an answer is sent, and write into the entry how it ended."""
    disconnected = asyncio.create_task(_disconnect(receive))
    try:
        yield disconnected
        entry.finish(status)
    except _DisconnectedError:
        entry.abort()
    except _CutError:
        # Without the last body message the server closes the connection, as the fault requires.
        entry.finish(status)
    except asyncio.CancelledError:
        entry.abort()
        raise
    finally:
        disconnected.cancel()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _pause(disconnected: asyncio.Task[None], seconds: float | None) -> None:
    if seconds == 0:
        await asyncio.sleep(0)
    else:
        await asyncio.wait({disconnected}, timeout=seconds)
    if disconnected.done():
        raise _DisconnectedError


def _start(status: int, headers: Headers) -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": raw}


def _body(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}
