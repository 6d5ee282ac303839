"""The URL of generate-ai-content: knows the caller, asks the orchestrator, answers."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from functions.generate_ai_content.calls import FUNCTION, ai_call
from functions.generate_ai_content.openapi import document
from shared.ai.call import AICall
from shared.ai.reply import Reply
from shared.ai.stream import LiveStream, written
from shared.app import context_of, services_of
from shared.body import read_json
from shared.errors import InvalidRequest, Unauthorized
from shared.sse import EventStream, unless_gone

_KEY = re.compile(r"[\x21-\x7e]{1,255}")

router = APIRouter()


@router.post("")
async def generate(request: Request) -> Response:
    """Serve one call of any shape."""
    services, context = services_of(request), context_of(request)
    caller = await services.authenticator.authenticate(request.headers, context.deadline)
    if caller.kind == "anonymous":
        raise Unauthorized
    body = await read_json(request, services.settings.max_body_bytes)
    call = ai_call(body, caller, _idempotency_key(request))
    if "respond-async" in request.headers.get("prefer", ""):
        return await _accept(call, body, request)
    if not _wants_stream(request, body):
        return _response(await services.orchestrator.run(call, context))
    context.extend(services.settings.stream_timeout_seconds)
    return _stream(await unless_gone(services.orchestrator.stream(call, context), request.receive))


@router.get("/requests/{request_id}")
async def find_request(request: Request, request_id: UUID) -> Response:
    """Give the owner of a request that was asked for with `Prefer: respond-async` its state, or its reply."""
    services, context = services_of(request), context_of(request)
    caller = await services.authenticator.authenticate(request.headers, context.deadline)
    job = await services.jobs.find(request_id, caller, context.deadline)
    if job.reply is None or job.status is None:
        return JSONResponse({"success": True, "requestId": str(request_id), "status": job.state})
    return JSONResponse(job.reply, job.status)


@router.get("/openapi.json")
async def describe() -> JSONResponse:
    """Give the OpenAPI document."""
    return JSONResponse(document())


async def _accept(call: AICall, body: Mapping[str, Any], request: Request) -> JSONResponse:
    """Put a call that was found valid into the queue."""
    context = context_of(request)
    job = {
        "id": str(context.request_id),
        "user_id": call.caller.user_id,
        "function_name": FUNCTION,
        "body": body,
        "body_hash": call.body_hash,
        "idempotency_key": call.idempotency_key,
    }
    job_id = await services_of(request).jobs.enqueue(job, context.deadline)
    return JSONResponse({"success": True, "requestId": str(job_id), "status": "queued"}, 202)


def _wants_stream(request: Request, body: Mapping[str, Any]) -> bool:
    config = body.get("config")
    return (
        body.get("stream") is True
        or (isinstance(config, dict) and config.get("stream") is True)
        or "text/event-stream" in request.headers.get("accept", "")
    )


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest(
            "The Idempotency-Key must be 1 to 255 printable ASCII characters.",
            details=[{"field": "Idempotency-Key", "message": "1 to 255 printable ASCII characters"}],
        )
    return key


def _response(reply: Reply) -> JSONResponse:
    return JSONResponse(reply.body, reply.status, _headers(reply))


def _stream(reply: Reply | LiveStream) -> EventStream:
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
