"""The routes of generate-ai-content: generate, and find a queued request."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from functions.generate_ai_content.requests.request import FUNCTION, call_of
from shared.ai import Call
from shared.errors import Unauthorized
from shared.http.ai_reply import idempotency_key, serve
from shared.http.app import context_of, document_at, services_of
from shared.http.body import read_json

router = APIRouter()
router.add_api_route(
    "/openapi.json", document_at("functions.generate_ai_content.openapi"), include_in_schema=False
)


@router.post("")
async def generate(request: Request) -> Response:
    """Return the reply to a request of any shape."""
    services, context = services_of(request), context_of(request)
    caller = await services.authenticator.authenticate(request.headers, context.deadline)
    if caller.kind == "anonymous":
        raise Unauthorized
    body = await read_json(request, services.settings.max_body_bytes)
    call = call_of(body, caller, idempotency_key(request))
    # In shadow mode nothing is queued: a job would be a row with the idempotency key of the original.
    if "respond-async" in request.headers.get("prefer", "") and not services.settings.shadow:
        return await _accept(call, body, request)
    return await serve(call, request, stream=_wants_stream(body))


@router.get("/requests/{request_id}")
async def find_request(request: Request, request_id: UUID) -> Response:
    """Return the state or the reply of a request sent with `Prefer: respond-async`, to its owner alone."""
    services, context = services_of(request), context_of(request)
    caller = await services.authenticator.authenticate(request.headers, context.deadline)
    job = await services.jobs.find(request_id, caller, context.deadline)
    if job.reply is None or job.status is None:
        return JSONResponse({"success": True, "requestId": str(request_id), "status": job.state})
    return JSONResponse(job.reply, job.status)


async def _accept(call: Call, body: Mapping[str, Any], request: Request) -> JSONResponse:
    """Queue a valid call, and return its id."""
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


def _wants_stream(body: Mapping[str, Any]) -> bool:
    config = body.get("config")
    return body.get("stream") is True or (isinstance(config, dict) and config.get("stream") is True)
