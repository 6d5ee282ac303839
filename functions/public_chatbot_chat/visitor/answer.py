"""What a visitor's page is answered: the model's answer or an honest one, and of it what a visitor may see."""

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

# The page may read these of an answer; what a call cost and which model made it are the owner's to know.
VISITOR_META = ("finishReason", "latencyMs", "timestamp")


async def answer_visitor(body: Mapping[str, Any], request: Request) -> Response:
    """Serve one message of a visitor."""
    services, context = services_of(request), context_of(request)
    asked = _visitor_request(body)
    turn = VisitorTurn(
        str(asked.session_id), str(asked.user_id), asked.message, datetime.now(UTC),
        moderated=services.settings.moderation == "visitors",
    )  # fmt: skip
    # The owner pays and his data answers; that the session is his is checked where the energy is held.
    owner = Caller("service", str(asked.user_id))
    call = Call(
        FUNCTION, owner, turn, request.headers.get("idempotency-key"), _body_hash(body),
        Visitor(str(asked.session_id), _address_hash(request)),
    )  # fmt: skip
    page = Page(turn, owner, services, context)
    return await serve(call, request, stream=asked.stream, audience=page)


def _visitor_request(body: Mapping[str, Any]) -> VisitorRequest:
    if not all(body.get(name) for name in ("sessionId", "message", "userId")):
        missing = [name for name in ("sessionId", "message", "userId") if not body.get(name)]
        raise InvalidRequest(MISSING, details=[{"field": name, "message": "missing"} for name in missing])
    message = body["message"]
    # What shows nothing itself may make other words look like what they are not, to the owner as well.
    return parse(
        VisitorRequest, {**body, "message": showable(message) if isinstance(message, str) else message}
    )


def _body_hash(body: Mapping[str, Any]) -> str:
    canonical = json.dumps([FUNCTION, {**body, "stream": None}], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _address_hash(request: Request) -> str:
    # As new as the check of the caller's key made it.
    secret = services_of(request).settings.secrets.known.origin_secret
    client = None if request.client is None else (request.client.host, request.client.port)
    address = viewer_address(client, request.headers, secret)
    return hashlib.sha256(address.encode()).hexdigest()[:32]


class Page(Audience):
    """The page of a visitor: it gets the model's answer, else an honest one, and of a reply what is his to see."""

    def __init__(self, turn: VisitorTurn, owner: Caller, services: Services, context: RequestContext) -> None:
        self._turn = turn
        self._owner = owner
        self._services = services
        self._context = context

    def reply(self, reply: Reply) -> Reply:
        """Return the answer without what it cost and which model wrote it."""
        return Reply(visible(reply.body), reply.status, "", None, replayed=reply.replayed)

    def event(self, event: Event) -> Event:
        """Return the event without what it cost and which model wrote it."""
        match event["type"]:
            case "meta":
                return {"type": "meta", "requestId": event["requestId"]}
            case "done":
                return visible(event)
        return event

    def headers(self, model: str, energy_remaining: int | None = None, *, replayed: bool = False) -> Headers:
        """Return none: all of them are the owner's to know."""
        del model, energy_remaining, replayed
        return {}

    async def instead(self, error: NexscoutError) -> dict[str, Any]:
        """Return the honest answer; raises what the page itself got wrong, and what it must wait for."""
        turn, services = self._turn, self._services
        if isinstance(error, RateLimited | MessageRefused) or not turn.is_open():
            raise error
        if not turn.answer and turn.handled_by != "human" and not services.settings.shadow:
            # Nothing was held, so no release has stored it.
            rows = json.dumps(turn.rows_without_hold())
            arguments = {"p_owner_id": self._owner.user_id, "p_chat": rows}
            await services.database.as_service().rpc("chat_answer", arguments, self._context.deadline)
        log_event("chat.fallback", code=error.code, request_id=self._context.request_id)
        return turn.fallback_body(str(self._context.request_id))

    def broken_off(self, event: Event, *, begun: bool) -> Sequence[Event]:
        """Return the honest answer that is stored in the broken one's place: whole where none had begun yet."""
        body = self._turn.fallback_body(event["requestId"])
        if begun:
            return [{**body, **event}]
        return [{"type": "delta", "text": body["response"]}, {"type": "done", **visible(body)}]


def visible(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a visitor may see of a reply."""
    meta = body.get("meta") or {}
    hidden = {"meta", "modelName", "tokensUsed", "generationId", "usage"}
    shown = {name: value for name, value in body.items() if name not in hidden}
    return {**shown, "usage": {}, "meta": {name: meta[name] for name in VISITOR_META if name in meta}}
