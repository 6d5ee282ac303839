"""The orchestrator: reserve, deliver before the deadline, then settle or release. No model is called elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.ai.answer_filter import filtered
from shared.ai.call import Call
from shared.ai.caller_data import CallerData, CallerDataReader
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
from shared.ai.reply import Reply
from shared.ai.settlement import Settler
from shared.ai.stream import LiveStream
from shared.ai.task import Material
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.errors import InternalError, NexscoutError, PayloadTooLarge, UpgradeRequired
from shared.shield import run_to_completion
from shared.supabase.configuration import ConfigService, Configuration, Loaded
from shared.supabase.database import Database

SETTLE_SECONDS = 3.0
"""Seconds of the budget kept for the end: a call that ran out of time is still released within them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Admitted:
    """The results of the first round trip; a failed read is kept until its hold can be released."""

    run: Run
    loaded: Loaded | BaseException | None
    data: CallerData | BaseException


class Orchestrator:
    """Runs calls; only counters remain of a call after its end."""

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
        self._reader = CallerDataReader(database)
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
        """Return the reply of a call, or of the earlier one with its idempotency key.

        Raises:
            NexscoutError: the call was not admitted or not delivered; no energy is charged then.
        """
        with self._counted(call, context):
            admitted = await self._admit(call, context)
            if isinstance(admitted, Reply):
                return admitted
            run = admitted.run
            # Cancellation and our own bugs release the hold as well.
            async with self._released_on_error(run):
                messages = await self._messages(admitted)
                generated = filtered(run, await self._deliverer.deliver(run, messages))
            return await self._settler.settle(run, generated)

    async def stream(self, call: Call, context: RequestContext) -> Reply | LiveStream:
        """Return a stream whose first text has arrived: every failure before that is an error with a status.

        A task with a structure and a replayed task return a whole reply.

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
                stream = await self._deliverer.open_stream(admitted.run, await self._messages(admitted))
            return LiveStream(admitted.run, stream, self._settler)

    @contextmanager
    def _counted(self, call: Call, context: RequestContext) -> Iterator[None]:
        """Count the call and its failure; put the task's own message into UpgradeRequired."""
        self._metrics.requests += 1
        context.fields.update(action=call.task.action, user_id=call.caller.user_id)
        try:
            yield
        except UpgradeRequired as error:
            self._metrics.failed(error.code)
            raise UpgradeRequired(call.task.upgrade_message) from error
        except NexscoutError as error:
            self._metrics.failed(error.code)
            raise

    @asynccontextmanager
    async def _released_on_error(self, run: Run) -> AsyncIterator[None]:
        """Release the hold if the block raises."""
        try:
            yield
        except BaseException as error:
            await self._settler.release(run, error)
            raise

    async def _admit(self, call: Call, context: RequestContext) -> _Admitted | Reply:
        """Return the hold with the data that the prompt needs, read at the same time, or a replayed reply."""
        task = call.task
        ordered = candidates(task.preference, needs(task), self._catalogue, self._lists)
        request = reservation(call, context.request_id, ordered, self._catalogue)
        work = context.deadline.minus(SETTLE_SECONDS)
        self._deliverer.prepare()
        hold_task = asyncio.ensure_future(
            _timed(context, "reserve", self._ledger.reserve(request, task, context.deadline))
        )
        try:
            hold, loaded, data = await asyncio.gather(
                asyncio.shield(hold_task),
                _timed(context, "config", self._load(call, work)),
                _timed(context, "prospect", self._reader.read(call.caller, task.reading, work)),
                return_exceptions=True,
            )
        except asyncio.CancelledError as cancelled:
            await run_to_completion(
                self._release_late_hold(
                    hold_task, lambda hold: self._run_under(hold, call, context, ordered), cancelled
                )
            )
            raise
        if isinstance(hold, BaseException):
            raise hold
        if isinstance(hold, Replay):
            return self._replayed(hold, context)
        return _Admitted(self._run_under(hold, call, context, ordered), loaded, data)

    def _run_under(self, hold: Hold, call: Call, context: RequestContext, ordered: Sequence[Model]) -> Run:
        chosen, task = self._catalogue.get(hold.model), call.task
        others = fallbacks(chosen, task.preference, ordered, self._catalogue, hold.class_energy)
        requested, deadline = requested_model(task, ordered), context.deadline.minus(SETTLE_SECONDS)
        return Run(call, context, hold, [chosen, *others], requested, deadline, task.structure)

    async def _release_late_hold(
        self,
        hold_task: Awaitable[Hold | Replay],
        admitted: Callable[[Hold], Run],
        cancelled: BaseException,
    ) -> None:
        """Wait for the reservation of a cancelled call, and release its hold; nothing was sent."""
        with suppress(NexscoutError):
            hold = await hold_task
            if isinstance(hold, Hold):
                await self._settler.release(admitted(hold), cancelled)

    def _replayed(self, replay: Replay, context: RequestContext) -> Reply:
        self._metrics.replayed += 1
        context.fields.update(replayed=True, model=replay.model)
        return Reply(replay.body, replay.status, replay.model, energy_remaining=None, replayed=True)

    async def _load(self, call: Call, deadline: Deadline) -> Loaded | None:
        if not call.task.reading.configuration:
            return None
        return await self._configurations.load(call.caller, deadline)

    async def _messages(self, admitted: _Admitted) -> Sequence[Message]:
        """Return the moderated prompt; raise if it exceeds the limits that the hold was computed from."""
        run, task = admitted.run, admitted.run.task
        data = _result(admitted.data)
        configuration = await self._configuration(run, _result(admitted.loaded))
        messages = task.messages(Material(configuration, data.prospect, data.answer))
        if prompt_bytes(messages, run.structure) > task.limits.prompt_bytes:
            raise PayloadTooLarge(
                f"The prompt is too large: at most {task.limits.prompt_bytes} bytes are taken."
            )
        if images_in(messages) > task.limits.images:
            # The hold does not cover them.
            raise InternalError
        await self._moderator.check(run)
        return messages

    async def _configuration(self, run: Run, loaded: Loaded | None) -> Configuration:
        """Return the configuration, at least of the version in the hold, or an empty one if the task reads none."""
        version, caller = run.hold.config_version, run.call.caller
        if loaded is None:
            return Configuration(caller.user_id or "", version, {})
        run.loaded = await self._configurations.at_least(loaded, version, caller, run.deadline)
        self._metrics.configuration(cached=run.loaded.cached)
        return run.loaded.configuration


def _result(result: T | BaseException) -> T:
    """Return the result of a read, or raise its exception."""
    if isinstance(result, BaseException):
        raise result
    return result


async def _timed(context: RequestContext, part: str, work: Awaitable[T]) -> T:
    with context.timed(part):
        return await work
