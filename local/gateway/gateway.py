"""The one origin of the local stack: the Supabase API, every function below /functions/v1, and the chat page."""

import uuid
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local.gateway.exchange import TokenExchange
from local.gateway.function_apps import Broken
from local.gateway.issuer import JWKS_PATH
from local.gateway.pages import PREFIX, chat_page
from local.gateway.proxy import Proxy

PASSED_THROUGH = ("/rest/v1", "/auth/v1", "/storage/v1")
FUNCTIONS = "/functions/v1/"
RELAY_HEADERS = {
    "x-relay-error": "true",
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "authorization, apikey, content-type, x-client-info, idempotency-key, "
    "x-request-id, x-region, prefer, accept",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-expose-headers": "x-relay-error, x-request-id",
}
# As the hosted API: @supabase/lite answers some preflights with 404, and lets no page of another origin sign in.
PREFLIGHT_HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "access-control-max-age": "3600",
}


class Gateway:
    """An ASGI application with the same paths as the origin of `supabase start`."""

    def __init__(
        self,
        upstream: Proxy,
        exchange: TokenExchange,
        jwks: Mapping[str, object],
        functions: Mapping[str, ASGIApp | Broken],
        publishable_key: str = "",
    ) -> None:
        self._upstream = upstream
        self._exchange = exchange
        self._jwks = jwks
        self._functions = functions
        self._publishable_key = publishable_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or handle the start and the stop of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            app = await self._app_for(scope, receive)
            await app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._upstream.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _app_for(self, scope: Scope, receive: Receive) -> ASGIApp:
        path: str = scope["path"]
        if path.startswith(FUNCTIONS):
            return self._function(scope, path.removeprefix(FUNCTIONS).split("/")[0])
        if path == JWKS_PATH:
            return JSONResponse(self._jwks, headers={"access-control-allow-origin": "*"})
        if path.startswith(PASSED_THROUGH):
            return await self._pass_through(Request(scope, receive))
        if path.startswith(PREFIX):
            return chat_page(path, self._publishable_key)
        if path == "/":
            return JSONResponse({"name": "nexscout", "functions": self._states()})
        return JSONResponse({"success": False, "error": f"Nothing is at {path}.", "code": "not_found"}, 404)

    def _states(self) -> dict[str, str]:
        return {
            name: app.reason if isinstance(app, Broken) else "ready" for name, app in self._functions.items()
        }

    async def _pass_through(self, request: Request) -> Response:
        if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            asked = request.headers.get("access-control-request-headers", "*")
            return Response(headers=PREFLIGHT_HEADERS | {"access-control-allow-headers": asked})
        authorization = request.headers.get("authorization")
        replaced = {}
        if authorization is not None:
            replaced = {"authorization": await self._exchange.authorization(authorization)}
        reply = await self._upstream.respond(request, replaced)
        reply.headers["access-control-allow-origin"] = "*"
        reply.headers.setdefault("access-control-expose-headers", "*")
        return reply

    def _function(self, scope: Scope, name: str) -> ASGIApp:
        app = self._functions.get(name)
        if app is None:
            known = ", ".join(self._functions)
            sentence = f"There is no function «{name}» among {known}; a new one is served after a restart."
            return relay_error(scope, 404, "function_not_found", sentence)
        if isinstance(app, Broken):
            sentence = f"The function {name} did not load: {app.reason}"
            return relay_error(scope, 503, "function_unavailable", sentence)
        return app


def relay_error(scope: Scope, status: int, code: str, sentence: str) -> Response:
    """Return a reply that supabase-js turns into a FunctionsRelayError.

    A browser's preflight succeeds, so that its page can read the error.
    """
    if scope["method"] == "OPTIONS":
        return Response(status_code=200, headers=RELAY_HEADERS)
    request_id = str(uuid.uuid4())
    body = {"success": False, "error": sentence, "code": code, "requestId": request_id}
    return JSONResponse(body, status, RELAY_HEADERS | {"x-request-id": request_id})
