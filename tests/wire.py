"""A reverse proxy before the Supabase API that records every request, and can delay, change or drop it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Seen:
    """One request as it arrived: its path and body, and the keys that it carried."""

    method: str
    path: str
    apikey: str | None
    authorization: str | None
    body: bytes

    @property
    def name(self) -> str:
        """Return the name of the function or table."""
        return self.path.rsplit("/", 1)[-1]


Way = Callable[["Wire", Seen, Request], Awaitable[Response | None]]
"""How to treat a request; None closes the connection in the middle of the reply."""


async def pass_on(wire: "Wire", seen: Seen, request: Request) -> Response:
    """Pass the request on, and return its reply."""
    headers = {
        name: value for name, value in request.headers.items() if name not in {"host", "content-length"}
    }
    reply = await wire.upstream.request(
        seen.method, str(request.url).replace(wire.url, "", 1), content=seen.body, headers=headers
    )
    kept = {
        name: value
        for name, value in reply.headers.items()
        if name
        not in {"content-length", "content-encoding", "transfer-encoding", "connection", "date", "server"}
    }
    return Response(reply.content, reply.status_code, kept)


async def lose_answer(wire: "Wire", seen: Seen, request: Request) -> None:
    """Pass the request on, and drop the reply."""
    await pass_on(wire, seen, request)


async def lose_request(_wire: "Wire", _seen: Seen, _request: Request) -> None:
    """Close the connection without passing the request on."""


async def hold(_wire: "Wire", _seen: Seen, _request: Request) -> None:
    """Never answer, until the caller gives up."""
    await asyncio.Event().wait()


def answer(status: int, body: bytes = b"", content_type: str = "application/json") -> Way:
    """Return a way that answers in the API's place."""

    async def way(_wire: "Wire", _seen: Seen, _request: Request) -> Response:
        return Response(body, status, media_type=content_type)

    return way


class Wire:
    """The recorded requests, and how to treat the next ones."""

    def __init__(self, upstream: httpx.AsyncClient, url: str) -> None:
        self.upstream = upstream
        self.url = url
        self.seen: list[Seen] = []
        self._ways: list[tuple[str, Way]] = []
        self._gates: list[asyncio.Barrier] = []

    def names(self) -> list[str]:
        """Return the functions and tables that were requested, in order."""
        return [seen.name for seen in self.seen]

    def meet(self, name: str, *ways: Way) -> None:
        """Treat the next requests for this function or table in these ways, one way each."""
        self._ways += [(name, way) for way in ways]

    def forget(self) -> None:
        """Pass all requests on from now on."""
        self._ways.clear()

    def expect_waves(self, *sizes: int) -> None:
        """Hold each of the next requests until its whole wave has arrived, and forget the recorded ones.

        Requests that wait for one another's replies never fill a wave: they are held for ever.
        """
        self.seen.clear()
        gates = [asyncio.Barrier(size) for size in sizes]
        self._gates = [gate for gate in gates for _ in range(gate.parties)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope, receive)
        seen = Seen(
            request.method,
            request.url.path,
            request.headers.get("apikey"),
            request.headers.get("authorization"),
            await request.body(),
        )
        self.seen.append(seen)
        if self._gates:
            await self._gates.pop(0).wait()
        response = await self._way_of(seen)(self, seen, request)
        if response is None:
            # The body is shorter than announced: the server closes the connection.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            await send({"type": "http.response.body", "body": b"{", "more_body": False})
            return
        await response(scope, receive, send)

    def _way_of(self, seen: Seen) -> Way:
        for index, (name, way) in enumerate(self._ways):
            if name == seen.name:
                del self._ways[index]
                return way
        return pass_on


@asynccontextmanager
async def wire_before(upstream_url: str) -> AsyncIterator[Wire]:
    """Yield a proxy before this address, on its own port, on this event loop."""
    listener = socket.create_server(("127.0.0.1", 0))
    async with httpx.AsyncClient(base_url=upstream_url, timeout=PATIENCE_SECONDS) as upstream:
        wire = Wire(upstream, f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(
            wire, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=0
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield wire
        finally:
            server.should_exit = True
            await serving
            listener.close()
