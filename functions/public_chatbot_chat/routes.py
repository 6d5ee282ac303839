"""The URL of public-chatbot-chat: knows the caller, and hands the message to who answers such a caller."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from functions.public_chatbot_chat.visitor_chat import answer_visitor
from shared.app import context_of, services_of
from shared.body import read_json
from shared.errors import Forbidden, Unauthorized

MAX_BODY_BYTES = 100_000

router = APIRouter()


@router.post("")
async def chat(request: Request) -> Response:
    """Serve one message: a visitor's by the public key."""
    services, context = services_of(request), context_of(request)
    caller = await services.authenticator.authenticate(request.headers, context.deadline)
    body = await read_json(request, MAX_BODY_BYTES)
    if caller.kind != "anonymous":
        raise Unauthorized
    if body.get("systemInstruction") or body.get("transformMode"):
        raise Forbidden
    return await answer_visitor(body, request)
