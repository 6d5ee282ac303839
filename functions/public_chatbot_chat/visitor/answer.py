"""The answer to a visitor: the model's or the fallback answer, without what a visitor may not see."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from functions.public_chatbot_chat.filter.markup import showable
from functions.public_chatbot_chat.schemas import FUNCTION, MISSING, VisitorRequest
from functions.public_chatbot_chat.visitor.turn import VisitorTurn
from shared.ai import Call, Event, MessageRefused, Reply, Visitor
from shared.context import RequestContext
from shared.errors import InvalidRequest, NexscoutError, RateLimited
from shared.http.address import viewer_address
from shared.http.ai_reply import Audience, Headers, serve
from shared.http.app import context_of, services_of
from shared.http.validation import parse
from shared.log import log_event
from shared.services import Services
from shared.supabase.auth import Caller

# The page may see these; costs and the model are only for the owner.
VISITOR_META = ("finishReason", "latencyMs", "timestamp")


async def answer_visitor(body: Mapping[str, Any], request: Request) -> Response:
    """Return the answer to one message of a visitor."""
    services, context = services_of(request), context_of(request)
    visitor_request = _visitor_request(body)
    turn = VisitorTurn(
        str(visitor_request.session_id), str(visitor_request.user_id), visitor_request.message, datetime.now(UTC),
        moderated=services.settings.moderation == "visitors",
    )  # fmt: skip
    # The owner pays, and the owner's data is used; the reservation checks that the session is the owner's.
    owner = Caller("service", str(visitor_request.user_id))
    call = Call(
        FUNCTION, owner, turn, request.headers.get("idempotency-key"), _body_hash(body),
        Visitor(str(visitor_request.session_id), _address_hash(request)),
    )  # fmt: skip
    page = Page(turn, owner, services, context)
    return await serve(call, request, stream=visitor_request.stream, audience=page)


def _visitor_request(body: Mapping[str, Any]) -> VisitorRequest:
    if not all(body.get(name) for name in ("sessionId", "message", "userId")):
        missing = [name for name in ("sessionId", "message", "userId") if not body.get(name)]
        raise InvalidRequest(MISSING, details=[{"field": name, "message": "missing"} for name in missing])
    message = body["message"]
    # Invisible characters could make words look different, to the owner as well.
    return parse(
        VisitorRequest, {**body, "message": showable(message) if isinstance(message, str) else message}
    )


def _body_hash(body: Mapping[str, Any]) -> str:
    canonical = json.dumps([FUNCTION, {**body, "stream": None}], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _address_hash(request: Request) -> str:
    # The authentication of this request has just renewed it if it was old.
    secret = services_of(request).settings.secrets.known.origin_secret
    client = None if request.client is None else (request.client.host, request.client.port)
    address = viewer_address(client, request.headers, secret)
    return hashlib.sha256(address.encode()).hexdigest()[:32]


class Page(Audience):
    """A visitor's page: it gets the model's or the fallback answer, without what a visitor may not see."""

    def __init__(self, turn: VisitorTurn, owner: Caller, services: Services, context: RequestContext) -> None:
        self._turn = turn
        self._owner = owner
        self._services = services
        self._context = context

    def reply(self, reply: Reply) -> Reply:
        """Return the reply without costs and model."""
        return Reply(visible(reply.body), reply.status, "", None, replayed=reply.replayed)

    def event(self, event: Event) -> Event:
        """Return the event without costs and model."""
        match event["type"]:
            case "meta":
                return {"type": "meta", "requestId": event["requestId"]}
            case "done":
                return visible(event)
        return event

    def headers(self, model: str, energy_remaining: int | None = None, *, replayed: bool = False) -> Headers:
        """Return no headers: all of them are only for the owner."""
        del model, energy_remaining, replayed
        return {}

    async def fallback_body(self, error: NexscoutError) -> dict[str, Any]:
        """Return the fallback answer; raise the error if the message was refused, rate limited or not stored."""
        turn, services = self._turn, self._services
        if isinstance(error, RateLimited | MessageRefused) or not turn.is_open():
            raise error
        if not turn.answer and turn.handled_by != "human" and not services.settings.shadow:
            # Nothing was held, so no release has stored the answer.
            rows = json.dumps(turn.rows_without_hold())
            arguments = {"p_owner_id": self._owner.user_id, "p_chat": rows}
            await services.database.as_service().rpc("chat_answer", arguments, self._context.deadline)
        log_event("chat.fallback", code=error.code, request_id=self._context.request_id)
        return turn.fallback_body(str(self._context.request_id))

    def failure_events(self, event: Event, *, text_sent: bool) -> Sequence[Event]:
        """Return the fallback events; replace the answer if nothing was streamed yet."""
        body = self._turn.fallback_body(event["requestId"])
        if text_sent:
            return [{**body, **event}]
        return [{"type": "delta", "text": body["response"]}, {"type": "done", **visible(body)}]


def visible(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reply's body without what a visitor may not see."""
    meta = body.get("meta") or {}
    hidden = {"meta", "modelName", "tokensUsed", "generationId", "usage"}
    shown = {name: value for name, value in body.items() if name not in hidden}
    return {**shown, "usage": {}, "meta": {name: meta[name] for name in VISITOR_META if name in meta}}
