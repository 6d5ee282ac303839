"""The route of public-chatbot-chat: identifies the caller; calls the visitor's chat, the assistant or transform."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from functions.public_chatbot_chat.assistant import AssistantTask
from functions.public_chatbot_chat.schemas import FUNCTION, AssistantRequest, TransformRequest
from functions.public_chatbot_chat.transform import TransformTask
from shared.ai import Call, Task
from shared.errors import Forbidden, Unauthorized
from shared.http.ai_reply import idempotency_key, serve
from shared.http.app import context_of, document_at, services_of
from shared.http.body import body_hash, read_json
from shared.http.validation import parse
from shared.supabase.auth import Caller, check_owner

VISITOR_BODY_BYTES = 100_000
USER_BODY_BYTES = 500_000

# A public page never sends these: with one of them a signed-in caller is a user, not a visitor.
_OWN_FIELDS = ("transformMode", "systemInstruction", "conversationId", "prospectId")

router = APIRouter()
router.add_api_route(
    "/openapi.json", document_at("functions.public_chatbot_chat.openapi"), include_in_schema=False
)


@router.post("")
async def chat(request: Request) -> Response:
    """Return the answer to one message: of a visitor (publishable key) or of a user (token)."""
    services, context = services_of(request), context_of(request)
    caller = await services.authenticator.authenticate(request.headers, context.deadline)
    if caller.kind == "service":
        raise Unauthorized
    key = idempotency_key(request)
    body = await read_json(request, USER_BODY_BYTES if caller.kind == "user" else VISITOR_BODY_BYTES)
    if caller.kind == "anonymous" and (body.get("systemInstruction") or body.get("transformMode")):
        raise Forbidden
    if caller.kind == "anonymous" or _is_from_page(body):
        # A tenth of a start: imported with the first visitor, or before a snapshot (see handler.py).
        from functions.public_chatbot_chat.visitor.answer import answer_visitor  # noqa: PLC0415

        return await answer_visitor(body, request)
    return await _answer_user(body, caller, key, request)


def _is_from_page(body: Mapping[str, Any]) -> bool:
    """Return whether a signed-in user writes as a visitor of a public page, whose client sends the token too."""
    has_ids = body.get("userId") and _is_uuid(body.get("sessionId"))
    return bool(has_ids) and not any(body.get(name) for name in _OWN_FIELDS)


def _is_uuid(value: object) -> bool:
    try:
        return bool(UUID(value)) if isinstance(value, str) else False
    except ValueError:
        return False


async def _answer_user(
    body: Mapping[str, Any], caller: Caller, key: str | None, request: Request
) -> Response:
    chat_request = _request(body)
    check_owner("userId", chat_request.user_id, caller)
    call = Call(FUNCTION, caller, _task(chat_request), key, body_hash(FUNCTION, body))
    return await serve(call, request, stream=chat_request.stream)


def _request(body: Mapping[str, Any]) -> TransformRequest | AssistantRequest:
    return parse(TransformRequest, body) if body.get("transformMode") else parse(AssistantRequest, body)


def _task(request: TransformRequest | AssistantRequest) -> Task:
    return TransformTask(request) if isinstance(request, TransformRequest) else AssistantTask(request)
