"""What a visitor's page is answered: the model's answer or an honest one, and of it what a visitor may see."""

import hashlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from functions.public_chatbot_chat.filter.markup import showable
from functions.public_chatbot_chat.schemas import FUNCTION, MISSING, VisitorRequest
from functions.public_chatbot_chat.visitor.instructions import PROMPT
from functions.public_chatbot_chat.visitor.turn import PROMPT_LIMIT_BYTES, VisitorTurn
from shared.ai.call import AICall, Visitor
from shared.ai.models.selection import Wish
from shared.ai.moderation import MessageRefused
from shared.ai.reply import Reply
from shared.ai.stream import LiveStream, written
from shared.context import RequestContext
from shared.errors import InvalidRequest, NexscoutError, RateLimited
from shared.http.address import viewer_address
from shared.http.app import context_of, services_of
from shared.http.sse import EventStream, unless_gone
from shared.http.validation import parse
from shared.log import log_event
from shared.services import Services
from shared.supabase.auth import Caller

MAX_OUTPUT_TOKENS = 600

# The page may read these of an answer; what a call cost and which model made it are the owner's to know.
VISITOR_META = ("finishReason", "latencyMs", "timestamp")


async def answer_visitor(body: Mapping[str, Any], request: Request) -> Response:
    """Serve one message of a visitor."""
    services, context = services_of(request), context_of(request)
    asked = _visitor_request(body)
    turn = VisitorTurn(str(asked.session_id), str(asked.user_id), asked.message, datetime.now(UTC))
    call = _call(asked, turn, request, body)
    if not asked.stream and "text/event-stream" not in request.headers.get("accept", ""):
        return JSONResponse(await _answered(call, turn, services, context))
    context.extend(services.settings.stream_timeout_seconds)
    return EventStream(await unless_gone(_streamed(call, turn, services, context), request.receive))


def _visitor_request(body: Mapping[str, Any]) -> VisitorRequest:
    if not all(body.get(name) for name in ("sessionId", "message", "userId")):
        missing = [name for name in ("sessionId", "message", "userId") if not body.get(name)]
        raise InvalidRequest(MISSING, details=[{"field": name, "message": "missing"} for name in missing])
    message = body["message"]
    # What shows nothing itself may make other words look like what they are not, to the owner as well.
    return parse(
        VisitorRequest, {**body, "message": showable(message) if isinstance(message, str) else message}
    )


def _call(asked: VisitorRequest, turn: VisitorTurn, request: Request, body: Mapping[str, Any]) -> AICall:
    canonical = json.dumps([FUNCTION, {**body, "stream": None}], sort_keys=True)
    return AICall(
        function_name=FUNCTION,
        action="ai_chatbot_response",
        # The owner pays and his data answers; that the session is his is checked where the energy is held.
        caller=Caller("service", str(asked.user_id)),
        wish=Wish(),
        build=turn.build,
        shape=turn.shape,
        prompt_limit_bytes=PROMPT_LIMIT_BYTES,
        max_output_tokens=MAX_OUTPUT_TOKENS,
        temperature=0.6,
        prompt_version=PROMPT.version,
        retries=1,
        idempotency_key=request.headers.get("idempotency-key"),
        body_hash=hashlib.sha256(canonical.encode()).hexdigest(),
        visitor=Visitor(str(asked.session_id), _address_hash(request)),
        feature=turn,
        answer_filter=turn.answer_filter,
        moderated=asked.message if services_of(request).settings.moderation == "visitors" else None,
        # Whose session it is, the reservation tells: it brings what the answer may know with it.
        configured=False,
    )


def _address_hash(request: Request) -> str:
    # As new as the check of the caller's key made it.
    secret = services_of(request).settings.secrets.known.origin_secret
    client = None if request.client is None else (request.client.host, request.client.port)
    address = viewer_address(client, request.headers, secret)
    return hashlib.sha256(address.encode()).hexdigest()[:32]


async def _answered(
    call: AICall, turn: VisitorTurn, services: Services, context: RequestContext
) -> dict[str, Any]:
    """Return the model's answer, else an honest one; what the page itself got wrong is still an error."""
    try:
        reply = await services.orchestrator.run(call, context)
    except NexscoutError as error:
        return await _without_model(error, turn, call, services, context)
    return visible(reply.body)


async def _without_model(
    error: NexscoutError, turn: VisitorTurn, call: AICall, services: Services, context: RequestContext
) -> dict[str, Any]:
    if isinstance(error, RateLimited | MessageRefused) or not turn.is_open():
        raise error
    if not turn.answer and turn.handled_by != "human" and not services.settings.shadow:
        # Nothing was held, so no release has stored it.
        arguments = {"p_owner_id": call.caller.user_id, "p_chat": json.dumps(turn.rows())}
        await services.database.as_service().rpc("chat_answer", arguments, context.deadline)
    log_event("chat.fallback", code=error.code, request_id=context.request_id)
    return turn.fallback_body(str(context.request_id))


async def _streamed(
    call: AICall, turn: VisitorTurn, services: Services, context: RequestContext
) -> AsyncGenerator[Mapping[str, Any]]:
    try:
        reply = await services.orchestrator.stream(call, context)
    except NexscoutError as error:
        body = await _without_model(error, turn, call, services, context)
        return written(Reply(body, 200, "", None, replayed=False))
    if isinstance(reply, LiveStream):
        return _visible_events(reply, turn)
    return written(Reply(visible(reply.body), 200, "", None, replayed=True))


async def _visible_events(stream: LiveStream, turn: VisitorTurn) -> AsyncGenerator[Mapping[str, Any]]:
    begun = False
    async with aclosing(stream.events()) as events:
        async for event in events:
            match event["type"]:
                case "meta":
                    yield {"type": "meta", "requestId": event["requestId"]}
                case "done":
                    yield visible(event)
                case "error":
                    for told in _broken_off(event, turn, begun=begun):
                        yield told
                case _:
                    begun = True
                    yield event


def _broken_off(event: Mapping[str, Any], turn: VisitorTurn, *, begun: bool) -> Sequence[Mapping[str, Any]]:
    """Return the honest answer that is stored in the broken one's place: as the answer where none had begun yet."""
    body = turn.fallback_body(event["requestId"])
    if begun:
        return [{**body, **event}]
    return [{"type": "delta", "text": body["response"]}, {"type": "done", **visible(body)}]


def visible(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a visitor may see of a reply."""
    meta = body.get("meta") or {}
    hidden = {"meta", "modelName", "tokensUsed", "generationId", "usage"}
    shown = {name: value for name, value in body.items() if name not in hidden}
    return {**shown, "usage": {}, "meta": {name: meta[name] for name in VISITOR_META if name in meta}}
