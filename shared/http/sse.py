"""Server-sent events over ASGI: sends each event as it comes and notices a client that goes away."""

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
    """A reply whose body is a stream of events; each `data` is one JSON object."""

    media_type = "text/event-stream"

    def __init__(self, events: Events, headers: Mapping[str, str] | None = None) -> None:
        # Proxies must neither keep nor collect what is meant to be read at once.
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events; whatever happens, the iterator is closed before this returns."""
        del scope
        gone = asyncio.get_running_loop().create_task(_disconnected(receive))
        try:
            async with aclosing(self._events) as events:
                # An iterator that never began would not notice that it is closed.
                event = await anext(events, None)
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                while event is not None:
                    data = f"data: {json.dumps(event, ensure_ascii=False, separators=(',', ':'))}\n\n"
                    await send({"type": "http.response.body", "body": data.encode(), "more_body": True})
                    event = await _before(gone, anext(events, None))
            await send({"type": "http.response.body", "body": b""})
        except OSError:
            # The server's word for a client that has gone.
            return
        finally:
            gone.cancel()


async def unless_gone(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """Wait for what comes before the first byte, and give it up when nobody is left to read it.

    Raises:
        ClientClosed: the client went away; the work was cancelled and has ended.
    """
    loop = asyncio.get_running_loop()
    task, gone = loop.create_task(work), loop.create_task(_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientClosed
        return task.result()
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _before(gone: asyncio.Task[None], step: Any) -> Mapping[str, Any] | None:  # noqa: ANN401  # an awaitable
    """Return the next event, or None when there is none or nobody is left to read it."""
    following = asyncio.ensure_future(step)
    try:
        await asyncio.wait({gone, following}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            return following.result()  # type: ignore[no-any-return]
        return None
    finally:
        if not following.done():
            following.cancel()
            await asyncio.wait({following})
