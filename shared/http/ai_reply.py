"""A signed-in caller's AI call over HTTP: what is taken from the headers, and the reply as a whole or as a stream."""

import re

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from shared.ai.call import AICall
from shared.ai.reply import Reply
from shared.ai.stream import LiveStream, written
from shared.errors import InvalidRequest
from shared.http.app import context_of, services_of
from shared.http.sse import EventStream, unless_gone

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key(request: Request) -> str | None:
    """Return the key of the request, None without one; raises InvalidRequest for one that cannot be kept."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest(
            "The Idempotency-Key must be 1 to 255 printable ASCII characters.",
            details=[{"field": "Idempotency-Key", "message": "1 to 255 printable ASCII characters"}],
        )
    return key


async def serve(call: AICall, request: Request, *, stream: bool) -> Response:
    """Run the call; a stream where the body (`stream`) or the header `Accept` asks for one.

    Raises:
        NexscoutError: it was not admitted or not delivered; nothing has been sent by then.
    """
    services, context = services_of(request), context_of(request)
    if not stream and "text/event-stream" not in request.headers.get("accept", ""):
        return _buffered(await services.orchestrator.run(call, context))
    context.extend(services.settings.stream_timeout_seconds)
    return _streamed(await unless_gone(services.orchestrator.stream(call, context), request.receive))


def _buffered(reply: Reply) -> JSONResponse:
    return JSONResponse(reply.body, reply.status, _headers(reply))


def _streamed(reply: Reply | LiveStream) -> EventStream:
    if isinstance(reply, Reply):
        return EventStream(written(reply), _headers(reply))
    return EventStream(reply.events(), {"x-model-served": reply.run.served_by().name})


def _headers(reply: Reply) -> dict[str, str]:
    headers = {"x-model-served": reply.model}
    if reply.energy_remaining is not None:
        headers["x-energy-remaining"] = str(reply.energy_remaining)
    if reply.replayed:
        headers["idempotency-replayed"] = "true"
    return headers
