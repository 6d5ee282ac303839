"""The attempts of one held call: its retries, fallbacks and single repair are decided here and nowhere else."""

import asyncio
import itertools
import json
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TypeVar

from shared.ai.delivery.open_stream import OpenStream
from shared.ai.delivery.parts import in_parts
from shared.ai.delivery.run import Run
from shared.ai.models.catalogue import Model
from shared.ai.money.attempt import DOWN, Attempt, Step, step_after, wait_before_retry
from shared.ai.money.ledger import Ledger
from shared.ai.money.reservation import cost_bound_usd, output_limit
from shared.ai.prompt.size import prompt_bytes
from shared.ai.provider.breaker import CircuitBreaker
from shared.ai.provider.client import Providers
from shared.ai.provider.exchange import FailureKind, Message, ProviderCall, ProviderFailure, ProviderReply
from shared.ai.task import Generated, Structure
from shared.deadline import Deadline
from shared.errors import (
    ContentRefused,
    DeadlineExceeded,
    NexscoutError,
    ProviderError,
    ProviderUnavailable,
)

MIN_ATTEMPT_SECONDS = 0.25
"""An attempt that has less time than this is not sent: no model answers so fast."""

T = TypeVar("T")
Send = Callable[[Run, Model, Sequence[Message]], Awaitable[T]]

REPAIR = (
    "The answer is not what was asked for. Give the corrected JSON object, and nothing else. What was wrong: "
)
MAX_ERROR_CHARS = 600
"""How much of a validation error the repair prompt repeats."""


@dataclass(frozen=True, slots=True)
class Effects:
    """The side effects of a delivery, as arguments: sleep, jitter in [0, 1) and today's date in UTC."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    today: Callable[[], date] = lambda: datetime.now(UTC).date()


class Deliverer:
    """Sends attempts until one delivers, no model remains, or the deadline has passed."""

    def __init__(
        self, providers: Providers, ledger: Ledger, breaker: CircuitBreaker, effects: Effects
    ) -> None:
        self._providers = providers
        self._breaker = breaker
        self._ledger = ledger
        self._effects = effects

    def prepare(self) -> None:
        """Start loading the provider's client, before it is known whether a request will be sent."""
        self._providers.prepare()

    async def deliver(self, run: Run, messages: Sequence[Message]) -> Generated:
        """Return a complete and valid result.

        Raises:
            DeadlineExceeded: the deadline has passed.
            ContentRefused: the provider refused the content.
            ProviderUnavailable: the last attempt was rate limited, or its circuit is open.
            ProviderError: every attempt failed for another reason.
        """
        if run.task.parts:
            return await in_parts(run, messages, self._whole)
        return await self._whole(run, messages)

    async def open_stream(self, run: Run, messages: Sequence[Message]) -> OpenStream:
        """Return a stream whose first text has arrived; raises as `deliver` does."""
        return await self._through_models(run, messages, self._opened_stream)

    async def _whole(self, run: Run, messages: Sequence[Message]) -> Generated:
        return await self._through_models(run, messages, self._valid)

    async def _through_models(self, run: Run, messages: Sequence[Message], send: "Send[T]") -> T:
        skipped_provider: str | None = None
        failure: ProviderFailure | None = None
        for position, model in enumerate(run.models):
            if model.provider == skipped_provider:
                continue
            retries = run.task.limits.retries if position == 0 else 0
            try:
                return await self._from_model(run, retries, partial(send, run, model, messages))
            except _ModelExhausted as exhausted:
                failure = exhausted.failure
                if exhausted.step is Step.STOP:
                    raise ContentRefused from failure
                if exhausted.step is Step.NEXT_PROVIDER:
                    skipped_provider = model.provider
        raise _final_error(failure, run.deadline)

    async def _from_model(self, run: Run, retries: int, send: Callable[[], Awaitable[T]]) -> T:
        """Return what one model delivers, with retries; raise _ModelExhausted when it does not."""
        for tries in itertools.count(1):
            try:
                return await send()
            except ProviderFailure as failure:
                wait = wait_before_retry(
                    failure, tries, run.task.limits.retry_delay_seconds, self._effects.jitter()
                )
                remaining = run.deadline.remaining() - MIN_ATTEMPT_SECONDS
                step = step_after(failure, retries + 1 - tries, wait, remaining)
                if step is not Step.RETRY:
                    raise _ModelExhausted(failure, step) from failure
            await self._effects.sleep(wait)
        raise AssertionError  # pragma: no cover  # count() has no end

    async def _valid(self, run: Run, model: Model, messages: Sequence[Message]) -> Generated:
        """Return a result of the required structure, after at most one repair per call or part."""
        structure = run.structure
        sent = _with_schema(messages, structure, model)
        attempt, reply = await self._attempt(run, model, sent)
        try:
            return _checked(reply, structure)
        except ValueError as exc:
            error = str(exc)[:MAX_ERROR_CHARS]
            attempt.malformed()
            if run.repaired or structure is None:
                raise ProviderFailure(FailureKind.MALFORMED, "reported") from None
        run.repaired = True
        attempt, reply = await self._attempt(run, model, _repair_messages(sent, reply.text, error, run))
        try:
            return _checked(reply, structure)
        except ValueError as exc:
            attempt.malformed()
            raise ProviderError from exc

    async def _opened_stream(self, run: Run, model: Model, messages: Sequence[Message]) -> OpenStream:
        attempt = await self._note_attempt(run, model, messages)
        call = _provider_call(run, model, messages)
        stream = OpenStream(run, attempt, self._providers.stream(call, run.deadline), self._effects.today())
        async with self._reported_to_breaker(model):
            await stream.wait_for_text()
        return stream

    async def _attempt(
        self, run: Run, model: Model, messages: Sequence[Message]
    ) -> tuple[Attempt, ProviderReply]:
        attempt = await self._note_attempt(run, model, messages)
        started = time.monotonic()
        try:
            async with self._reported_to_breaker(model):
                with run.context.timed("provider"):
                    reply = await self._providers.complete(_provider_call(run, model, messages), run.deadline)
        except ProviderFailure as failure:
            attempt.failed(failure, self._effects.today())
            raise
        except BaseException:
            attempt.interrupted(round((time.monotonic() - started) * 1000))
            raise
        attempt.succeeded(reply, self._effects.today())
        return attempt, reply

    @asynccontextmanager
    async def _reported_to_breaker(self, model: Model) -> AsyncIterator[None]:
        """Report the outcome of the block's request to the circuit breaker."""
        try:
            yield
        except ProviderFailure as failure:
            if failure.kind in DOWN:
                self._breaker.failed(model)
            else:
                self._breaker.undecided(model)
            raise
        except BaseException:
            self._breaker.undecided(model)
            raise
        self._breaker.succeeded(model)

    async def _note_attempt(self, run: Run, model: Model, messages: Sequence[Message]) -> Attempt:
        """Return the next attempt, after it is noted in the ledger; raise if the circuit is open or time is short."""
        run.deadline.timeout(MIN_ATTEMPT_SECONDS, keep=MIN_ATTEMPT_SECONDS / 2)
        size = prompt_bytes(messages, run.structure)
        bound = cost_bound_usd(run.task.limits, run.structure, model, size)
        if not self._breaker.admits(model):
            wait = self._breaker.seconds_until_probe(model)
            raise ProviderFailure(FailureKind.CIRCUIT_OPEN, "not_billed", retry_after_seconds=wait)
        attempt = Attempt(run.next_ordinal(model), model, bound)
        if attempt.ordinal > 1:
            # The reservation noted the first one.
            try:
                await self._ledger.note_attempt(run.context.request_id, attempt, run.deadline)
            except BaseException:
                self._breaker.undecided(model)
                raise
        run.attempts.append(attempt)
        return attempt


class _ModelExhausted(Exception):  # noqa: N818  # control flow, not an error
    """No further request goes to this model; `step` says what follows."""

    def __init__(self, failure: ProviderFailure, step: Step) -> None:
        super().__init__(step.value)
        self.failure = failure
        self.step = step


def _provider_call(run: Run, model: Model, messages: Sequence[Message]) -> ProviderCall:
    return ProviderCall(
        model,
        messages,
        output_limit(run.task.limits, model),
        run.task.temperature,
        None if run.structure is None else run.structure.name,
        None if run.structure is None else run.structure.schema,
    )


def _with_schema(messages: Sequence[Message], structure: Structure | None, model: Model) -> Sequence[Message]:
    """Return the messages, with the schema as an instruction for a model that takes none as a parameter."""
    if structure is None or model.json_schema:
        return messages
    schema = json.dumps(structure.schema, ensure_ascii=False)
    return [
        {"role": "system", "content": f"Answer with one JSON object of this schema:\n{schema}"},
        *messages,
    ]


def _repair_messages(sent: Sequence[Message], malformed: str, error: str, run: Run) -> Sequence[Message]:
    """Return the prompt with the malformed answer and its error, or without both where the hold allows no more."""
    repair = [*sent, {"role": "assistant", "content": malformed}, {"role": "user", "content": REPAIR + error}]
    fits = prompt_bytes(repair, run.structure) <= run.task.limits.prompt_bytes
    return repair if fits else sent


def _checked(reply: ProviderReply, structure: Structure | None) -> Generated:
    """Return the result; raise ValueError if the text is blank or does not match the structure."""
    if not reply.text.strip():
        raise ValueError("nothing was delivered")
    value = None if structure is None else structure.parse(reply.text)
    return Generated(reply.text, value, reply.finish_reason)


def _final_error(failure: ProviderFailure | None, deadline: Deadline) -> NexscoutError:
    """Return the error of a call that no model served, by its last failure."""
    if (
        failure is not None
        and failure.kind is FailureKind.TIMEOUT
        and deadline.remaining() < MIN_ATTEMPT_SECONDS * 2
    ):
        return DeadlineExceeded()
    if failure is not None and failure.kind in {FailureKind.RATE_LIMITED, FailureKind.CIRCUIT_OPEN}:
        return ProviderUnavailable(retry_after_seconds=max(1, math.ceil(failure.retry_after_seconds or 1)))
    return ProviderError()
