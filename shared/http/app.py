"""The outer layer of every function: CORS, request id, deadline, and the one place where errors become replies."""

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.context import RequestContext
from shared.deadline import Deadline
from shared.errors import (
    DeadlineExceeded,
    FieldFault,
    Forbidden,
    InternalError,
    InvalidRequest,
    NexscoutError,
)
from shared.http.address import is_from_distribution
from shared.http.shadow import Unheard
from shared.log import configure, log_event
from shared.metrics import print_metrics
from shared.services import Services, build_services
from shared.settings import Settings
from shared.snapshot import while_serving

ALLOWED_HEADERS = (
    "authorization, apikey, content-type, x-client-info, idempotency-key, "
    "x-request-id, x-region, prefer, accept"
)
EXPOSED_HEADERS = (
    "x-request-id, x-energy-remaining, x-model-served, retry-after, server-timing, idempotency-replayed"
)

GUARD_SECONDS = 0.5
"""How long after its deadline a request is ended from outside, should something inside not look at the clock."""

PLATFORM_MARGIN_MS = 1500
"""What is left of the platform's time when even the guard has ended: it kills without a word."""

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class NotFound(NexscoutError):  # noqa: N818  # named as its code
    """No such path in this function."""

    status = 404
    code = "not_found"
    sentence = "There is nothing at this address."


class MethodNotAllowed(NexscoutError):  # noqa: N818  # named as its code
    """The path exists, for another method."""

    status = 405
    code = "method_not_allowed"
    sentence = "This address takes another method."


def create_app(
    name: str, router: APIRouter, settings: Settings, services: Services | None = None
) -> "Envelope":
    """Build a function's ASGI app, which serves `/functions/v1/<name>` and its health."""
    configure(settings.log_level)
    # Routes read their bodies by hand, so FastAPI's own document would tell little: each router serves its own.
    services = build_services(settings) if services is None else services
    api = FastAPI(title=name, openapi_url=None, lifespan=lambda _: while_serving(services))
    api.state.services = services
    api.include_router(router, prefix=f"/functions/v1/{name}")
    api.add_api_route(f"/functions/v1/{name}/health", _health, methods=["GET"])
    api.add_exception_handler(NexscoutError, _reply_error)
    api.add_exception_handler(RequestValidationError, _reply_invalid)
    api.add_exception_handler(HTTPException, _reply_http_exception)
    # Answers in the contract's shape; the crash itself goes on to the envelope, which logs it.
    api.add_exception_handler(Exception, _reply_http_exception)
    return Envelope(api, name, settings)


def services_of(request: Request) -> Services:
    """Return the process's services, for a route."""
    services: Services = request.app.state.services
    return services


def context_of(request: Request) -> RequestContext:
    """Return the request's context, for a route."""
    context: RequestContext = request.scope["nexscout.context"]
    return context


def document_at(module: str) -> Callable[[], Awaitable[JSONResponse]]:
    """Return the endpoint of a function's OpenAPI document, which `document` of the named module builds.

    The module is imported when somebody asks: nothing of it is needed to serve.
    """

    async def describe() -> JSONResponse:
        """Return the OpenAPI document."""
        return JSONResponse(import_module(module).document())

    return describe


async def _health(request: Request) -> dict[str, object]:
    shadow = {"shadow": True} if services_of(request).settings.shadow else {}
    return {"success": True, "function": request.app.title, "status": "ok", **shadow}


async def _reply_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, NexscoutError)  # noqa: S101  # registered for this class alone
    return error_response(error, context_of(request))


async def _reply_invalid(request: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    details = [FieldFault(field=str(fault["loc"][-1]), message=str(fault["msg"])) for fault in faults]
    return error_response(InvalidRequest(details=details), context_of(request))


async def _reply_http_exception(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    translated: NexscoutError = {404: NotFound, 405: MethodNotAllowed}.get(status, InternalError)()
    reply = error_response(translated, context_of(request))
    if isinstance(error, HTTPException) and error.headers:
        reply.headers.update(error.headers)
    return reply


def error_response(error: NexscoutError, context: RequestContext) -> JSONResponse:
    """Return the reply of an error in the contract's shape."""
    context.fields["code"] = error.code
    headers = {}
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(error.retry_after_seconds)
    return JSONResponse(error.body(str(context.request_id)), error.status, headers)


class Envelope:
    """Wraps the app of a function: whatever happens inside, the caller gets a readable answer in time."""

    def __init__(self, app: ASGIApp, name: str, settings: Settings) -> None:
        self.app = app
        self.name = name
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other protocols go through as they are."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = self._context(scope)
        scope["nexscout.context"] = context
        reply = _Reply(self._shadowed(scope, context, send), self._headers(scope, context))
        if await self._is_bypassed(scope):
            await reply.error(Forbidden("This address is not open to callers."), context, scope, receive)
            self._log(scope, context, reply.status)
            return
        if scope["method"] == "OPTIONS":
            await reply.empty(200)
            return
        guard = context.guard = asyncio.timeout(context.deadline.remaining() + GUARD_SECONDS)
        try:
            async with guard:
                await self.app(scope, receive, reply)
        except Exception as error:  # noqa: BLE001  # the outermost layer: nothing is above it
            if guard.expired():
                await reply.error(DeadlineExceeded(), context, scope, receive)
            else:
                log_event("request.crashed", level=logging.ERROR, error=error, where=_where(error))
                await reply.error(InternalError(), context, scope, receive)
        finally:
            self._log(scope, context, reply.status)

    def _shadowed(self, scope: Scope, context: RequestContext, send: Send) -> Send:
        if not self._settings.shadow or scope["method"] != "POST":
            return send
        # By the caller's id, which a copy shares with its original, the two are compared.
        context.fields.update(shadow=True, echo_id=context.echo_id)
        return Unheard(send, str(context.request_id))

    async def _is_bypassed(self, scope: Scope) -> bool:
        """Return whether a request reaches a function that stands behind a distribution by another way."""
        if not self._settings.origin_secret_required:
            return False
        secrets = await self._settings.secrets.current()
        return not is_from_distribution(Headers(scope=scope), secrets.origin_secret)

    def _context(self, scope: Scope) -> RequestContext:
        lambda_context = scope.get("aws.context")

        def budget(seconds: float) -> Deadline:
            if lambda_context is None:
                return Deadline.starting(seconds)
            remaining_ms = lambda_context.get_remaining_time_in_millis() - PLATFORM_MARGIN_MS
            return Deadline.starting(seconds, max(0, remaining_ms))

        request_id = uuid4()
        asked = _header(scope, b"x-request-id")
        echo_id = asked if _SANE_ID.fullmatch(asked) else str(request_id)
        deadline = budget(self._settings.request_timeout_seconds)
        return RequestContext(request_id, echo_id, deadline, budget)

    def _headers(self, scope: Scope, context: RequestContext) -> Callable[[], list[tuple[bytes, bytes]]]:
        origin = _header(scope, b"origin")

        def headers() -> list[tuple[bytes, bytes]]:
            pairs = {
                **_cors(self._settings.cors_origins, origin),
                "x-request-id": context.echo_id,
                "server-timing": context.server_timing(),
            }
            return [(name.encode(), value.encode()) for name, value in pairs.items()]

        return headers

    def _log(self, scope: Scope, context: RequestContext, status: int) -> None:
        fields: dict[str, Any] = {
            "function": self.name,
            "method": scope["method"],
            "status": status,
            "request_id": context.request_id,
            "ms": round(context.elapsed_ms(), 1),
            **context.fields,
        }
        log_event("request.finished", **fields)
        if self._settings.metrics_namespace is not None:
            print_metrics(self._settings.metrics_namespace, self.name, status, context)


class _Reply:
    """The send side of a request: adds the common headers and remembers what was answered."""

    def __init__(self, send: Send, headers: Callable[[], list[tuple[bytes, bytes]]]) -> None:
        self._send = send
        self._headers = headers
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", []), *self._headers()]}
        await self._send(message)

    async def empty(self, status: int) -> None:
        await self({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await self({"type": "http.response.body", "body": b""})

    async def error(
        self, error: NexscoutError, context: RequestContext, scope: Scope, receive: Receive
    ) -> None:
        if self.status:
            return
        await error_response(error, context)(scope, receive, self)


def _cors(allowed: tuple[str, ...], origin: str) -> Mapping[str, str]:
    common = {
        "access-control-allow-headers": ALLOWED_HEADERS,
        "access-control-allow-methods": "GET, POST, OPTIONS",
        "access-control-expose-headers": EXPOSED_HEADERS,
        "access-control-max-age": "86400",
    }
    if "*" in allowed:
        return {"access-control-allow-origin": "*", **common}
    if origin in allowed:
        return {"access-control-allow-origin": origin, "vary": "origin", **common}
    return {"vary": "origin"}


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


def _where(error: BaseException) -> list[str]:
    """Return the frames of a crash without its words, which may be a caller's."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
