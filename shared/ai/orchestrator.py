"""The one way to a model: reserve, deliver inside the deadline, then settle or release."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.ai.answer_filter import filtered
from shared.ai.call import Call
from shared.ai.delivery.deliverer import Deliverer
from shared.ai.delivery.run import Run
from shared.ai.metrics import Metrics
from shared.ai.models.catalogue import Catalogue, Model
from shared.ai.models.selection import ClassLists, candidates, fallbacks
from shared.ai.moderation import Moderator
from shared.ai.money.ledger import Hold, Ledger, Replay
from shared.ai.money.reservation import needs, requested_model, reservation
from shared.ai.prompt.size import prompt_bytes
from shared.ai.provider.exchange import Message
from shared.ai.provider.vision import images_in
from shared.ai.reading import Read, Reader
from shared.ai.reply import Reply
from shared.ai.settlement import Settler
from shared.ai.stream import LiveStream
from shared.ai.task import Material
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.errors import InternalError, NexscoutError, PayloadTooLarge, UpgradeRequired
from shared.shield import to_the_end
from shared.supabase.configuration import ConfigService, Configuration, Loaded
from shared.supabase.database import Database

SETTLE_SECONDS = 3.0
"""What is kept of the budget for settling: a call that ran out of time is still released within it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Admitted:
    """What the first round trip brought; a read that failed is kept until the hold can be released for it."""

    run: Run
    loaded: Loaded | BaseException | None
    read: Read | BaseException


class Orchestrator:
    """Runs calls; keeps nothing of a call beyond it but counters."""

    def __init__(  # noqa: PLR0913  # the parts it is made of, each by name
        self,
        *,
        database: Database,
        ledger: Ledger,
        configurations: ConfigService,
        deliverer: Deliverer,
        moderator: Moderator,
        catalogue: Catalogue,
        lists: ClassLists,
    ) -> None:
        self._reader = Reader(database)
        self._ledger = ledger
        self._configurations = configurations
        self._catalogue = catalogue
        self._lists = lists
        self._deliverer = deliverer
        self._moderator = moderator
        self._metrics = Metrics()
        self._settler = Settler(ledger, self._metrics)

    def metrics(self) -> dict[str, Any]:
        """Return the counters of this process."""
        return self._metrics.snapshot()

    async def run(self, call: Call, context: RequestContext) -> Reply:
        """Return the reply of a call, or that of an earlier one under its key.

        Raises:
            NexscoutError: it was not admitted or not delivered; then no energy is charged.
        """
        with self._counted(call, context):
            admitted = await self._admit(call, context)
            if isinstance(admitted, Reply):
                return admitted
            run = admitted.run
            # Released also when cancelled, and for a fault of our own: what is held goes back before anything else.
            async with self._released_on_error(run):
                messages = await self._messages(admitted)
                generated = filtered(run, await self._deliverer.deliver(run, messages))
            return await self._settler.settle(run, generated)

    async def stream(self, call: Call, context: RequestContext) -> Reply | LiveStream:
        """Return a stream whose provider has begun to answer, so that all else has failed with a status before.

        A task with a structure, and one that is replayed, is finished at once: only a valid whole is delivered.

        Raises:
            NexscoutError: as `run` does.
        """
        if call.task.structure is not None:
            return await self.run(call, context)
        with self._counted(call, context):
            admitted = await self._admit(call, context)
            if isinstance(admitted, Reply):
                return admitted
            async with self._released_on_error(admitted.run):
                begun = await self._deliverer.begin(admitted.run, await self._messages(admitted))
            return LiveStream(admitted.run, begun, self._settler)

    @contextmanager
    def _counted(self, call: Call, context: RequestContext) -> Iterator[None]:
        """Count the call and its failure; the sentence of a refused tier is the task's."""
        self._metrics.requests += 1
        context.fields.update(action=call.task.action, user_id=call.caller.user_id)
        try:
            yield
        except UpgradeRequired as error:
            self._metrics.failed(error.code)
            raise UpgradeRequired(call.task.paid_sentence) from error
        except NexscoutError as error:
            self._metrics.failed(error.code)
            raise

    @asynccontextmanager
    async def _released_on_error(self, run: Run) -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            await self._settler.release(run, error)
            raise

    async def _admit(self, call: Call, context: RequestContext) -> _Admitted | Reply:
        """Reserve, and at the same time read what the prompt needs."""
        task = call.task
        ordered = candidates(task.wish, needs(task), self._catalogue, self._lists)
        request = reservation(call, context.request_id, ordered, self._catalogue)
        work = context.deadline.minus(SETTLE_SECONDS)
        self._deliverer.prepare()
        reserving = asyncio.ensure_future(
            _timed(context, "reserve", self._ledger.reserve(request, task, context.deadline))
        )
        try:
            hold, loaded, read = await asyncio.gather(
                asyncio.shield(reserving),
                _timed(context, "config", self._load(call, work)),
                _timed(context, "prospect", self._reader.read(call.caller, task.reading, work)),
                return_exceptions=True,
            )
        except asyncio.CancelledError as gone:
            await to_the_end(
                self._give_back(reserving, lambda hold: self._run_under(hold, call, context, ordered), gone)
            )
            raise
        if isinstance(hold, BaseException):
            raise hold
        if isinstance(hold, Replay):
            return self._replayed(hold, context)
        return _Admitted(self._run_under(hold, call, context, ordered), loaded, read)

    def _run_under(self, hold: Hold, call: Call, context: RequestContext, ordered: Sequence[Model]) -> Run:
        chosen, task = self._catalogue.get(hold.model), call.task
        spare = fallbacks(chosen, task.wish, ordered, self._catalogue, hold.class_energy)
        requested, until = requested_model(task, ordered), context.deadline.minus(SETTLE_SECONDS)
        return Run(call, context, hold, [chosen, *spare], requested, until, task.structure)

    async def _give_back(
        self,
        reserving: Awaitable[Hold | Replay],
        admitted: Callable[[Hold], Run],
        gone: BaseException,
    ) -> None:
        """Release what the reservation of a caller that has gone may still bring; nothing was sent."""
        with suppress(NexscoutError):
            hold = await reserving
            if isinstance(hold, Hold):
                await self._settler.release(admitted(hold), gone)

    def _replayed(self, replay: Replay, context: RequestContext) -> Reply:
        self._metrics.replayed += 1
        context.fields.update(replayed=True, model=replay.model)
        return Reply(replay.body, replay.status, replay.model, energy_remaining=None, replayed=True)

    async def _load(self, call: Call, deadline: Deadline) -> Loaded | None:
        if not call.task.reading.configuration:
            return None
        return await self._configurations.load(call.caller, deadline)

    async def _messages(self, admitted: _Admitted) -> Sequence[Message]:
        """Return the prompt, within the limits for which the energy is held, and judged where that is asked for."""
        run, task = admitted.run, admitted.run.task
        read = _result(admitted.read)
        configuration = await self._configuration(run, _result(admitted.loaded))
        messages = task.messages(Material(configuration, read.prospect, read.answer))
        if prompt_bytes(messages, run.structure) > task.limits.prompt_bytes:
            raise PayloadTooLarge(
                f"The prompt is too large: at most {task.limits.prompt_bytes} bytes are taken."
            )
        if images_in(messages) > task.limits.images:
            # The hold does not reach for them.
            raise InternalError
        await self._moderator.check(run)
        return messages

    async def _configuration(self, run: Run, loaded: Loaded | None) -> Configuration:
        """Return one that is as new as the reservation told, an empty one where none is read."""
        version, caller = run.hold.config_version, run.call.caller
        if loaded is None:
            return Configuration(caller.user_id or "", version, {})
        run.loaded = await self._configurations.at_least(loaded, version, caller, run.until)
        self._metrics.configuration(cached=run.loaded.cached)
        return run.loaded.configuration


def _result(read: T | BaseException) -> T:
    """Return what was read, or raise what kept it from being read."""
    if isinstance(read, BaseException):
        raise read
    return read


async def _timed(context: RequestContext, part: str, work: Awaitable[T]) -> T:
    with context.timed(part):
        return await work
