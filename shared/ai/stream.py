"""A streamed reply: events of text, and exactly one settlement or release, however the stream ends."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from shared.ai.answer_filter import filtered_texts, require_text
from shared.ai.delivery.open_stream import OpenStream
from shared.ai.delivery.run import Run
from shared.ai.provider.exchange import FailureKind, ProviderFailure
from shared.ai.reply import Reply
from shared.ai.settlement import Settler
from shared.ai.task import Generated
from shared.errors import ClientClosed, ContentRefused, DeadlineExceeded, NexscoutError, ProviderError

Event = Mapping[str, Any]
"""One server-sent event; `type` is meta, delta, done or error."""


class LiveStream:
    """The events of one admitted call whose first text has arrived.

    A client that disconnects closes the iterator early: the provider's request is aborted, and the call is charged if
    any text was sent, else released.
    """

    def __init__(self, run: Run, stream: OpenStream, settler: Settler) -> None:
        self.run = run
        self._stream = stream
        self._settler = settler
        self._filter = run.task.answer_filter()
        self._sent: list[str] = []
        self._ended = False

    async def events(self) -> AsyncGenerator[Event]:
        """Yield meta, the deltas, then done or error."""
        try:
            yield {
                "type": "meta",
                "requestId": str(self.run.context.request_id),
                "model": self.run.served_by().name,
                "energy": self.run.hold.energy_held,
                "energyRemaining": self.run.hold.energy_available,
            }
            async with aclosing(filtered_texts(self.run, self._filter, self._stream.texts())) as texts:
                async for text in texts:
                    yield {"type": "delta", "text": text}
                    self._sent.append(text)
            yield await self._done(self._whole())
        except (ProviderFailure, NexscoutError) as failure:
            yield await self._error(failure)
        finally:
            # Without an end only if the client disconnected, or by a bug of ours.
            if not self._ended:
                await self._abandoned()

    def _whole(self) -> Generated:
        """Return the result with exactly the text that was sent."""
        generated = self._stream.generated()
        if self._filter is None:
            return generated
        return replace(generated, text=require_text(self.run, "".join(self._sent)))

    async def _done(self, generated: Generated) -> Event:
        self._ended = True
        reply = await self._settler.settle(self.run, generated)
        return {"type": "done", **reply.body}

    async def _error(self, failure: ProviderFailure | NexscoutError) -> Event:
        self._ended = True
        error = _error_of(failure)
        await self._settler.release(self.run, error)
        return error_event(error, str(self.run.context.request_id))

    async def _abandoned(self) -> None:
        self._ended = True
        self._stream.interrupted()
        text = "".join(self._sent)
        if text:
            await self._settler.settle(self.run, Generated(text, None, "client_closed"), whole=False)
        else:
            await self._settler.release(self.run, ClientClosed())


def error_event(error: NexscoutError, request_id: str) -> Event:
    """Return the event of an error, with the fields of an error reply."""
    return {"type": "error", **error.body(request_id)}


async def reply_events(reply: Reply) -> AsyncGenerator[Event]:
    """Yield the events of a complete reply."""
    body = reply.body
    meta = body.get("meta") or {}
    yield {
        "type": "meta",
        "requestId": body.get("requestId"),
        "model": reply.model,
        "energy": meta.get("energyConsumed"),
        "energyRemaining": meta.get("energyRemaining"),
    }
    text = body.get("message")
    if isinstance(text, str) and text:
        yield {"type": "delta", "text": text}
    yield {"type": "done", **body}


def _error_of(failure: ProviderFailure | NexscoutError) -> NexscoutError:
    if isinstance(failure, NexscoutError):
        return failure
    match failure.kind:
        case FailureKind.REFUSED:
            return ContentRefused()
        case FailureKind.TIMEOUT:
            return DeadlineExceeded()
        case _:
            return ProviderError()
