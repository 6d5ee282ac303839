"""A reply as it is written: events of text, and an exact end however the stream ends."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from shared.ai.answer_filter import filtered_texts, something
from shared.ai.delivery.open_stream import Begun
from shared.ai.delivery.run import Run
from shared.ai.provider.exchange import FailureKind, ProviderFailure
from shared.ai.reply import Reply
from shared.ai.settlement import Settler
from shared.ai.task import Generated
from shared.errors import ClientClosed, ContentRefused, DeadlineExceeded, NexscoutError, ProviderError

Event = Mapping[str, Any]
"""One server-sent event: `type` is meta, delta, done or error."""


class LiveStream:
    """The events of one admitted call whose provider has begun to answer.

    Closing the iterator early is what a client that goes away does: the request to the provider is ended, and the call
    is charged if any text had gone out, else released.
    """

    def __init__(self, run: Run, begun: Begun, settler: Settler) -> None:
        self.run = run
        self._begun = begun
        self._settler = settler
        self._filter = run.task.answer_filter()
        self._sent: list[str] = []
        self._ended = False

    async def events(self) -> AsyncGenerator[Event]:
        """Return meta, the deltas, then done or error."""
        try:
            yield {
                "type": "meta",
                "requestId": str(self.run.context.request_id),
                "model": self.run.served_by().name,
                "energy": self.run.hold.energy_held,
                "energyRemaining": self.run.hold.energy_available,
            }
            async with aclosing(filtered_texts(self.run, self._filter, self._begun.texts())) as texts:
                async for text in texts:
                    yield {"type": "delta", "text": text}
                    self._sent.append(text)
            yield await self._done(self._whole())
        except (ProviderFailure, NexscoutError) as failure:
            yield await self._error(failure)
        finally:
            # Reached without an end only when the client went away, or for a fault of our own.
            if not self._ended:
                await self._abandoned()

    def _whole(self) -> Generated:
        """Return what was delivered: the very text that has gone out."""
        generated = self._begun.generated()
        if self._filter is None:
            return generated
        return replace(generated, text=something(self.run, "".join(self._sent)))

    async def _done(self, generated: Generated) -> Event:
        self._ended = True
        reply = await self._settler.settle(self.run, generated)
        return {"type": "done", **reply.body}

    async def _error(self, failure: ProviderFailure | NexscoutError) -> Event:
        self._ended = True
        error = _told(failure)
        await self._settler.release(self.run, error)
        return error_event(error, str(self.run.context.request_id))

    async def _abandoned(self) -> None:
        self._ended = True
        self._begun.interrupted()
        text = "".join(self._sent)
        if text:
            await self._settler.settle(self.run, Generated(text, None, "client_closed"), whole=False)
        else:
            await self._settler.release(self.run, ClientClosed())


def error_event(error: NexscoutError, request_id: str) -> Event:
    """Return an error as an event: what the body of an error reply says."""
    return {"type": "error", **error.body(request_id)}


async def written(reply: Reply) -> AsyncGenerator[Event]:
    """Return a finished reply in the form of a stream."""
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


def _told(failure: ProviderFailure | NexscoutError) -> NexscoutError:
    if isinstance(failure, NexscoutError):
        return failure
    match failure.kind:
        case FailureKind.REFUSED:
            return ContentRefused()
        case FailureKind.TIMEOUT:
            return DeadlineExceeded()
        case _:
            return ProviderError()
