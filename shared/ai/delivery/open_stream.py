"""A stream that a provider has begun."""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import date

from shared.ai.delivery.run import Run
from shared.ai.money.attempt import Attempt
from shared.ai.provider.exchange import FailureKind, ProviderFailure, ProviderReply
from shared.ai.task import Generated
from shared.errors import InternalError


class Begun:
    """A stream that a provider has begun: the attempt, what came, and what is still to come."""

    def __init__(
        self, run: Run, attempt: Attempt, pieces: AsyncGenerator[str | ProviderReply], today: date
    ) -> None:
        self._run = run
        self._attempt = attempt
        self._pieces = pieces
        self._today = today
        self._first = ""
        self._reply: ProviderReply | None = None
        self._started = time.monotonic()

    async def wait_for_text(self) -> None:
        """Wait for the first text; raises ProviderFailure when none comes."""
        async with self._accounted():
            piece = await anext(self._pieces)
            if isinstance(piece, ProviderReply):
                # It ended without a word: billed as told, and nothing was delivered.
                self._attempt.succeeded(piece, self._today)
                self._attempt.broken()
                raise ProviderFailure(FailureKind.MALFORMED, "reported")
            self._first = piece

    async def texts(self) -> AsyncGenerator[str]:
        """Return the texts to the end; raises ProviderFailure when the stream breaks."""
        async with self._accounted(), aclosing(self._pieces) as pieces:
            yield self._first
            async for piece in pieces:
                if isinstance(piece, ProviderReply):
                    self._reply = piece
                    self._attempt.succeeded(piece, self._today)
                else:
                    yield piece

    def generated(self) -> Generated:
        """Return the whole that was streamed, once it has ended."""
        if self._reply is None:
            raise InternalError
        return Generated(self._reply.text, None, self._reply.finish_reason)

    def interrupted(self) -> None:
        """Record that the stream was given up; a reply that had come in full stays as it came."""
        if self._attempt.state == "intended":
            self._attempt.interrupted(self._ms())

    @asynccontextmanager
    async def _accounted(self) -> AsyncIterator[None]:
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
            spent = (time.monotonic() - started) * 1000
            timings = self._run.context.timings_ms
            timings["provider"] = timings.get("provider", 0.0) + spent

    def _ms(self) -> int:
        return round((time.monotonic() - self._started) * 1000)
