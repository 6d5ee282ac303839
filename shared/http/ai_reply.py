"""An AI call over HTTP: its headers, and its reply as a whole or as a stream."""

import re
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from shared.ai.call import Call
from shared.ai.reply import Reply
from shared.ai.stream import Event, LiveStream, reply_events
from shared.errors import InvalidRequest, NexscoutError
from shared.http.app import context_of, services_of
from shared.http.sse import EventStream, unless_disconnected

Headers = dict[str, str]
Answer = TypeVar("Answer", Reply, Reply | LiveStream)

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Audience:
    """Who reads a reply. This one is the caller, who may see all of it."""

    def reply(self, reply: Reply) -> Reply:
        """Return the reply without what the audience may not see."""
        return reply

    def event(self, event: Event) -> Event:
        """Return the event without what the audience may not see."""
        return event

    def headers(self, model: str, energy_remaining: int | None = None, *, replayed: bool = False) -> Headers:
        """Return the headers of a reply."""
        energy = {} if energy_remaining is None else {"x-energy-remaining": str(energy_remaining)}
        return {"x-model-served": model} | energy | ({"idempotency-replayed": "true"} if replayed else {})

    async def fallback_body(self, error: NexscoutError) -> dict[str, Any]:
        """Return the body of a fallback answer; raise the error if there is none."""
        raise error

    def failure_events(self, event: Event, *, text_sent: bool) -> Sequence[Event]:
        """Return the events that end a failed stream: of its error `event`, and of whether a text was sent before."""
        del text_sent
        return [event]


def idempotency_key(request: Request) -> str | None:
    """Return the request's idempotency key or None; raise InvalidRequest if it cannot be stored."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest(
            "The Idempotency-Key must be 1 to 255 printable ASCII characters.",
            details=[{"field": "Idempotency-Key", "message": "1 to 255 printable ASCII characters"}],
        )
    return key


async def serve(call: Call, request: Request, *, stream: bool, audience: Audience | None = None) -> Response:
    """Return the reply of a call, as a stream if the body (`stream`) or the header `Accept` demands one.

    Raises:
        NexscoutError: not admitted or not delivered, and without a fallback answer; nothing has been sent yet.
    """
    services, context = services_of(request), context_of(request)
    audience = Audience() if audience is None else audience
    if not stream and "text/event-stream" not in request.headers.get("accept", ""):
        reply = await _answer(services.orchestrator.run(call, context), audience)
        return JSONResponse(reply.body, reply.status, _headers(reply, audience))
    context.extend(services.settings.stream_timeout_seconds)
    answer = await unless_disconnected(
        _answer(services.orchestrator.stream(call, context), audience), request.receive
    )
    if isinstance(answer, Reply):
        return EventStream(reply_events(answer), _headers(answer, audience))
    return EventStream(_events(answer, audience), audience.headers(answer.run.served_by().name))


async def _answer(work: Coroutine[Any, Any, Answer], audience: Audience) -> Answer | Reply:
    try:
        answer = await work
    except NexscoutError as error:
        return Reply(await audience.fallback_body(error), HTTPStatus.OK, "", None, replayed=False)
    return audience.reply(answer) if isinstance(answer, Reply) else answer


async def _events(stream: LiveStream, audience: Audience) -> AsyncGenerator[Event]:
    text_sent = False
    async with aclosing(stream.events()) as events:
        async for event in events:
            text_sent = text_sent or event["type"] == "delta"
            visible = [audience.event(event)]
            if event["type"] == "error":
                visible = [*audience.failure_events(event, text_sent=text_sent)]
            for each in visible:
                yield each


def _headers(reply: Reply, audience: Audience) -> Headers:
    return audience.headers(reply.model, reply.energy_remaining, replayed=reply.replayed)
