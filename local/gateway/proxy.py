"""Passes requests on to another server on loopback, as streams in both directions."""

from collections.abc import Mapping

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "upgrade",
        "host",
    )
)
# Node closes idle connections after 5 s: ours must be closed before, or a request meets a closing connection.
LIMITS = httpx.Limits(max_connections=256, max_keepalive_connections=64, keepalive_expiry=3)
TIMEOUT = httpx.Timeout(120, connect=5)


class Proxy:
    """A client of one upstream server."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.AsyncClient(base_url=base_url, limits=LIMITS, timeout=TIMEOUT, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def respond(self, request: Request, replaced: Mapping[str, str]) -> Response:
        """Return the upstream's reply to this request, with some headers replaced; 502 when the upstream is down."""
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        headers.update(replaced)
        path = request.scope.get("raw_path", request.url.path.encode()).split(b"?")[0].decode("ascii")
        target = f"{path}?{request.url.query}" if request.url.query else path
        content = request.stream() if has_body(request) else None
        outgoing = self._client.build_request(request.method, target, headers=headers, content=content)
        try:
            incoming = await self._client.send(outgoing, stream=True)
        except httpx.TransportError as error:
            return unavailable(error)
        response = StreamingResponse(
            incoming.aiter_raw(), incoming.status_code, background=BackgroundTask(incoming.aclose)
        )
        response.raw_headers = [
            (name.lower(), value)
            for name, value in incoming.headers.raw
            if name.lower().decode("latin-1") not in HOP_BY_HOP
        ]
        return response


def has_body(request: Request) -> bool:
    """Return whether the request announces a body."""
    return "content-length" in request.headers or "transfer-encoding" in request.headers


def unavailable(error: httpx.TransportError) -> JSONResponse:
    """Return the reply that a caller gets while the upstream is down."""
    sentence = "The local Supabase API does not answer; stop and start the stack again."
    body = {"success": False, "error": sentence, "code": "local_upstream_unavailable"}
    return JSONResponse(body | {"details": type(error).__name__}, 502, {"access-control-allow-origin": "*"})
