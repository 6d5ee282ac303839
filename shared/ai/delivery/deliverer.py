"""Attempts at the provider for one held call: retries, fallbacks and one repair, all in this place."""

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

from shared.ai.delivery.open_stream import Begun
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
"""An attempt that could not even begin an answer in this time is not sent."""

T = TypeVar("T")
Send = Callable[[Run, Model, Sequence[Message]], Awaitable[T]]

REPAIR = (
    "The answer is not what was asked for. Give the corrected JSON object, and nothing else. What was wrong: "
)
MOST_FAULT_CHARS = 600


@dataclass(frozen=True, slots=True)
class Chance:
    """What a delivery takes from its surroundings: waiting, jitter in [0, 1) and the date, as arguments."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    today: Callable[[], date] = lambda: datetime.now(UTC).date()


class Deliverer:
    """Sends attempts until one delivers or the plan or the deadline ends."""

    def __init__(self, providers: Providers, ledger: Ledger, breaker: CircuitBreaker, chance: Chance) -> None:
        self._providers = providers
        self._breaker = breaker
        self._ledger = ledger
        self._chance = chance

    def prepare(self) -> None:
        """Begin what the first attempt needs, before it is known whether there will be one."""
        self._providers.prepare()

    async def deliver(self, run: Run, messages: Sequence[Message]) -> Generated:
        """Bring a complete valid result.

        Raises:
            DeadlineExceeded: time ran out.
            ContentRefused: the provider refused the content.
            ProviderUnavailable: the last attempt met the provider's rate limit.
            ProviderError: every attempt failed otherwise.
        """
        if run.task.parts:
            return await in_parts(run, messages, self._whole)
        return await self._whole(run, messages)

    async def begin(self, run: Run, messages: Sequence[Message]) -> Begun:
        """Bring a stream whose first text has come; raises as `deliver` does."""
        return await self._through_models(run, messages, self._begun)

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
            except _ModelGivenUp as given_up:
                failure = given_up.failure
                if given_up.step is Step.STOP:
                    raise ContentRefused from failure
                if given_up.step is Step.NEXT_PROVIDER:
                    skipped_provider = model.provider
        raise _exhausted(failure, run.until)

    async def _from_model(self, run: Run, retries: int, send: Callable[[], Awaitable[T]]) -> T:
        """Try one model until it delivers or something else must follow."""
        for tries in itertools.count(1):
            try:
                return await send()
            except ProviderFailure as failure:
                wait = wait_before_retry(
                    failure, tries, run.task.limits.retry_delay_seconds, self._chance.jitter()
                )
                left = run.until.remaining() - MIN_ATTEMPT_SECONDS
                step = step_after(failure, retries + 1 - tries, wait, left)
                if step is not Step.RETRY:
                    raise _ModelGivenUp(failure, step) from failure
            await self._chance.sleep(wait)
        raise AssertionError  # pragma: no cover  # count() has no end

    async def _valid(self, run: Run, model: Model, messages: Sequence[Message]) -> Generated:
        """Return a result that holds to the structure asked for, after at most one repair in the call or its part."""
        structure = run.structure
        sent = _with_schema(messages, structure, model)
        attempt, reply = await self._attempt(run, model, sent)
        try:
            return _checked(reply, structure)
        except ValueError as exc:
            fault = str(exc)[:MOST_FAULT_CHARS]
            attempt.broken()
            if run.repaired or structure is None:
                raise ProviderFailure(FailureKind.MALFORMED, "reported") from None
        run.repaired = True
        attempt, reply = await self._attempt(run, model, _repair(sent, reply.text, fault, run))
        try:
            return _checked(reply, structure)
        except ValueError as exc:
            attempt.broken()
            raise ProviderError from exc

    async def _begun(self, run: Run, model: Model, messages: Sequence[Message]) -> Begun:
        attempt = await self._noted(run, model, messages)
        call = _provider_call(run, model, messages)
        begun = Begun(run, attempt, self._providers.stream(call, run.until), self._chance.today())
        async with self._judged(model):
            await begun.wait_for_text()
        return begun

    async def _attempt(
        self, run: Run, model: Model, messages: Sequence[Message]
    ) -> tuple[Attempt, ProviderReply]:
        attempt = await self._noted(run, model, messages)
        started = time.monotonic()
        try:
            async with self._judged(model):
                with run.context.timed("provider"):
                    reply = await self._providers.complete(_provider_call(run, model, messages), run.until)
        except ProviderFailure as failure:
            attempt.failed(failure, self._chance.today())
            raise
        except BaseException:
            attempt.interrupted(round((time.monotonic() - started) * 1000))
            raise
        attempt.succeeded(reply, self._chance.today())
        return attempt, reply

    @asynccontextmanager
    async def _judged(self, model: Model) -> AsyncIterator[None]:
        """Tell the breaker how a request went."""
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

    async def _noted(self, run: Run, model: Model, messages: Sequence[Message]) -> Attempt:
        """Return the next attempt, which the ledger knows of before it is sent."""
        run.until.timeout(MIN_ATTEMPT_SECONDS, keep=MIN_ATTEMPT_SECONDS / 2)
        size = prompt_bytes(messages, run.structure)
        bound = cost_bound_usd(run.task.limits, run.structure, model, size)
        if not self._breaker.admits(model):
            wait = self._breaker.seconds_until_probe(model)
            raise ProviderFailure(FailureKind.CIRCUIT_OPEN, "not_billed", retry_after_seconds=wait)
        attempt = Attempt(run.next_ordinal(model), model, bound)
        if attempt.ordinal > 1:
            # The first one was noted with the reservation.
            try:
                await self._ledger.note_attempt(run.context.request_id, attempt, run.until)
            except BaseException:
                self._breaker.undecided(model)
                raise
        run.attempts.append(attempt)
        return attempt


class _ModelGivenUp(Exception):  # noqa: N818  # a turn of the plan, not an error
    """A model will not be asked again; `step` says what follows."""

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
    """Tell the schema in words to a model that takes none by parameter."""
    if structure is None or model.json_schema:
        return messages
    schema = json.dumps(structure.schema, ensure_ascii=False)
    return [
        {"role": "system", "content": f"Answer with one JSON object of this schema:\n{schema}"},
        *messages,
    ]


def _repair(sent: Sequence[Message], broken: str, fault: str, run: Run) -> Sequence[Message]:
    """Show the model its broken answer, unless that would make the prompt larger than the hold allows."""
    repair = [*sent, {"role": "assistant", "content": broken}, {"role": "user", "content": REPAIR + fault}]
    fits = prompt_bytes(repair, run.structure) <= run.task.limits.prompt_bytes
    return repair if fits else sent


def _checked(reply: ProviderReply, structure: Structure | None) -> Generated:
    """Return the result; raises ValueError when nothing was delivered or the structure is broken."""
    if not reply.text.strip():
        raise ValueError("nothing was delivered")
    value = None if structure is None else structure.parse(reply.text)
    return Generated(reply.text, value, reply.finish_reason)


def _exhausted(failure: ProviderFailure | None, until: Deadline) -> NexscoutError:
    if (
        failure is not None
        and failure.kind is FailureKind.TIMEOUT
        and until.remaining() < MIN_ATTEMPT_SECONDS * 2
    ):
        return DeadlineExceeded()
    if failure is not None and failure.kind in {FailureKind.RATE_LIMITED, FailureKind.CIRCUIT_OPEN}:
        return ProviderUnavailable(retry_after_seconds=max(1, math.ceil(failure.retry_after_seconds or 1)))
    return ProviderError()
