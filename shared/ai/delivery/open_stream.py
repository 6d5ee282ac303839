"""A streamed answer of a provider, from its first text to its end."""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import date

from shared.ai.delivery.run import Run
from shared.ai.money.attempt import Attempt
from shared.ai.provider.exchange import FailureKind, ProviderFailure, ProviderReply
from shared.ai.task import Generated
from shared.errors import InternalError


class OpenStream:
    """A stream that a provider has started: its attempt, and the texts that arrive."""

    def __init__(
        self, run: Run, attempt: Attempt, chunks: AsyncGenerator[str | ProviderReply], today: date
    ) -> None:
        self._run = run
        self._attempt = attempt
        self._chunks = chunks
        self._today = today
        self._first = ""
        self._reply: ProviderReply | None = None
        self._started = time.monotonic()

    async def wait_for_text(self) -> None:
        """Wait for the first text; raise ProviderFailure if none arrives."""
        async with self._recorded():
            chunk = await anext(self._chunks)
            if isinstance(chunk, ProviderReply):
                # It ended without text: the reported usage is billed, and nothing was delivered.
                self._attempt.succeeded(chunk, self._today)
                self._attempt.malformed()
                raise ProviderFailure(FailureKind.MALFORMED, "reported")
            self._first = chunk

    async def texts(self) -> AsyncGenerator[str]:
        """Yield the texts up to the end; raise ProviderFailure if the stream fails."""
        async with self._recorded(), aclosing(self._chunks) as chunks:
            yield self._first
            async for chunk in chunks:
                if isinstance(chunk, ProviderReply):
                    self._reply = chunk
                    self._attempt.succeeded(chunk, self._today)
                else:
                    yield chunk

    def generated(self) -> Generated:
        """Return the complete result; raise InternalError before the stream has ended."""
        if self._reply is None:
            raise InternalError
        return Generated(self._reply.text, None, self._reply.finish_reason)

    def interrupted(self) -> None:
        """Record that reading was stopped; does nothing after a complete reply."""
        if self._attempt.state == "intended":
            self._attempt.interrupted(self._ms())

    @asynccontextmanager
    async def _recorded(self) -> AsyncIterator[None]:
        """Record the time and the failure of the block in the attempt."""
        started = time.monotonic()
        try:
            yield
        except ProviderFailure as failure:
            if self._attempt.state == "intended":
                self._attempt.failed(failure, self._today)
            raise
        except BaseException:
            self.interrupted()
            raise
        finally:
            elapsed = (time.monotonic() - started) * 1000
            timings = self._run.context.timings_ms
            timings["provider"] = timings.get("provider", 0.0) + elapsed

    def _ms(self) -> int:
        return round((time.monotonic() - self._started) * 1000)
