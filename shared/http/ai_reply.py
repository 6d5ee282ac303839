"""An AI call over HTTP: what is taken from the headers, and the reply as a whole or as a stream."""

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
from shared.http.sse import EventStream, unless_gone

Headers = dict[str, str]
Answer = TypeVar("Answer", Reply, Reply | LiveStream)

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Audience:
    """Who reads a reply; this one is the caller himself, who may see all of it, and errors as they are."""

    def reply(self, reply: Reply) -> Reply:
        """Return what may be seen of a reply."""
        return reply

    def event(self, event: Event) -> Event:
        """Return what may be seen of an event of a stream."""
        return event

    def headers(self, model: str, energy_remaining: int | None = None, *, replayed: bool = False) -> Headers:
        """Return the headers of a reply."""
        energy = {} if energy_remaining is None else {"x-energy-remaining": str(energy_remaining)}
        return {"x-model-served": model} | energy | ({"idempotency-replayed": "true"} if replayed else {})

    async def instead(self, error: NexscoutError) -> dict[str, Any]:
        """Return the body that stands in for an answer that was not delivered; raises the error where none does."""
        raise error

    def broken_off(self, event: Event, *, begun: bool) -> Sequence[Event]:
        """Return the events that end a stream which broke off, after its first text where it has `begun`."""
        del begun
        return [event]


def idempotency_key(request: Request) -> str | None:
    """Return the key of the request, None without one; raises InvalidRequest for one that cannot be kept."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest(
            "The Idempotency-Key must be 1 to 255 printable ASCII characters.",
            details=[{"field": "Idempotency-Key", "message": "1 to 255 printable ASCII characters"}],
        )
    return key


async def serve(call: Call, request: Request, *, stream: bool, audience: Audience | None = None) -> Response:
    """Return the reply of a call; a stream where the body (`stream`) or the header `Accept` asks for one.

    Raises:
        NexscoutError: it was not admitted or not delivered, and nothing stands in; nothing has been sent by then.
    """
    services, context = services_of(request), context_of(request)
    audience = Audience() if audience is None else audience
    if not stream and "text/event-stream" not in request.headers.get("accept", ""):
        reply = await _answer(services.orchestrator.run(call, context), audience)
        return JSONResponse(reply.body, reply.status, _headers(reply, audience))
    context.extend(services.settings.stream_timeout_seconds)
    answer = await unless_gone(
        _answer(services.orchestrator.stream(call, context), audience), request.receive
    )
    if isinstance(answer, Reply):
        return EventStream(reply_events(answer), _headers(answer, audience))
    return EventStream(_events(answer, audience), audience.headers(answer.run.served_by().name))


async def _answer(answering: Coroutine[Any, Any, Answer], audience: Audience) -> Answer | Reply:
    try:
        answer = await answering
    except NexscoutError as error:
        return Reply(await audience.instead(error), HTTPStatus.OK, "", None, replayed=False)
    return audience.reply(answer) if isinstance(answer, Reply) else answer


async def _events(stream: LiveStream, audience: Audience) -> AsyncGenerator[Event]:
    begun = False
    async with aclosing(stream.events()) as events:
        async for event in events:
            begun = begun or event["type"] == "delta"
            shown = [audience.event(event)]
            if event["type"] == "error":
                shown = [*audience.broken_off(event, begun=begun)]
            for each in shown:
                yield each


def _headers(reply: Reply, audience: Audience) -> Headers:
    return audience.headers(reply.model, reply.energy_remaining, replayed=reply.replayed)
