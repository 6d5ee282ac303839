"""The outer layer of every function: CORS, request id, deadline, and errors as replies."""

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
    FieldError,
    Forbidden,
    InternalError,
    InvalidRequest,
    NexscoutError,
)
from shared.http.address import is_from_distribution
from shared.http.shadow import ShadowReply
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
"""How long after its deadline a request is cancelled, if its own timeouts have not ended it."""

PLATFORM_MARGIN_MS = 1500
"""The part of the platform's time that no request may use: the platform kills a process without notice."""

_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class NotFound(NexscoutError):  # noqa: N818  # named as its code
    """The function has no such path."""

    status = 404
    code = "not_found"
    sentence = "There is nothing at this address."


class MethodNotAllowed(NexscoutError):  # noqa: N818  # named as its code
    """The path exists, but not for this method."""

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
    # Answers in the contract's shape; the exception itself reaches the envelope, which logs it.
    api.add_exception_handler(Exception, _reply_http_exception)
    return Envelope(api, name, settings)


def services_of(request: Request) -> Services:
    """Return the services of the process."""
    services: Services = request.app.state.services
    return services


def context_of(request: Request) -> RequestContext:
    """Return the context of the request."""
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
    found = error.errors() if isinstance(error, RequestValidationError) else []
    details = [FieldError(field=str(each["loc"][-1]), message=str(each["msg"])) for each in found]
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
    """Wraps the app of a function: whatever happens inside, the caller gets a valid reply in time."""

    def __init__(self, app: ASGIApp, name: str, settings: Settings) -> None:
        self.app = app
        self.name = name
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; pass other protocols on unchanged."""
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
        except Exception as error:  # noqa: BLE001  # the outermost layer
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
        # A copy is compared with its original by the caller's id, which both share.
        context.fields.update(shadow=True, echo_id=context.echo_id)
        return ShadowReply(send, str(context.request_id))

    async def _is_bypassed(self, scope: Scope) -> bool:
        """Return whether the request avoided the distribution that the function stands behind."""
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
        sent_id = _header(scope, b"x-request-id")
        echo_id = sent_id if _SAFE_ID.fullmatch(sent_id) else str(request_id)
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
    """The send side of a request: adds the common headers and remembers the status."""

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
    """Return the frames of an exception without its message, which may contain a caller's words."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
