"""Server-sent events over ASGI: each event is sent at once, and a disconnected client is noticed."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.errors import ClientClosed

T = TypeVar("T")
Events = AsyncGenerator[Mapping[str, Any]]


class EventStream(Response):
    """A reply whose body is a stream of events; the `data` of each is one JSON object."""

    media_type = "text/event-stream"

    def __init__(self, events: Events, headers: Mapping[str, str] | None = None) -> None:
        # Proxies must neither cache nor buffer the events.
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events; the iterator is always closed before this returns."""
        del scope
        disconnected = asyncio.get_running_loop().create_task(_disconnected(receive))
        try:
            async with aclosing(self._events) as events:
                # Closing an iterator that was never started would run none of its code.
                event = await anext(events, None)
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                while event is not None:
                    data = f"data: {json.dumps(event, ensure_ascii=False, separators=(',', ':'))}\n\n"
                    await send({"type": "http.response.body", "body": data.encode(), "more_body": True})
                    event = await _next_event(disconnected, anext(events, None))
            await send({"type": "http.response.body", "body": b""})
        except OSError:
            # The server raises this if the client has disconnected.
            return
        finally:
            disconnected.cancel()


async def unless_disconnected(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """Return the result of the work that precedes the first byte; cancel it if the client disconnects.

    Raises:
        ClientClosed: the client disconnected; the work was cancelled and has ended.
    """
    loop = asyncio.get_running_loop()
    task, disconnected = loop.create_task(work), loop.create_task(_disconnected(receive))
    try:
        await asyncio.wait({task, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientClosed
        return task.result()
    finally:
        disconnected.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _next_event(disconnected: asyncio.Task[None], step: Any) -> Mapping[str, Any] | None:  # noqa: ANN401  # an awaitable
    """Return the next event, or None at the end of the events or if the client has disconnected."""
    following = asyncio.ensure_future(step)
    try:
        await asyncio.wait({disconnected, following}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            return following.result()  # type: ignore[no-any-return]
        return None
    finally:
        if not following.done():
            following.cancel()
            await asyncio.wait({following})
