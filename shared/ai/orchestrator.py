"""The one way to a model: reserve, deliver inside the deadline, then settle or release."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.ai.answer_filter import filtered
from shared.ai.call import AICall, Material, Prospect
from shared.ai.delivery.deliverer import Deliverer, prompt_bytes
from shared.ai.delivery.run import Run
from shared.ai.metrics import Metrics
from shared.ai.models.catalogue import Catalogue, Model
from shared.ai.models.selection import ClassLists, candidates, fallbacks
from shared.ai.moderation import Moderator
from shared.ai.money.ledger import Hold, Ledger, Replay
from shared.ai.money.reservation import needs, requested_model, reservation
from shared.ai.provider.exchange import Message
from shared.ai.provider.vision import images_in
from shared.ai.reply import Reply
from shared.ai.settlement import Settler, to_the_end
from shared.ai.stream import LiveStream
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.errors import InternalError, NexscoutError, PayloadTooLarge, ProspectNotFound, UpgradeRequired
from shared.supabase.auth import Caller
from shared.supabase.configuration import ConfigService, Configuration, Loaded
from shared.supabase.database import Database

SETTLE_SECONDS = 3.0
"""What is kept of the budget for settling: a call that ran out of time is still released within it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Opened:
    """What the first round trip brought; a read that failed is kept until the hold can be released for it."""

    run: Run
    loaded: Loaded | BaseException | None
    prospect: Prospect | BaseException | None


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
        self._database = database
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

    async def run(self, call: AICall, context: RequestContext) -> Reply:
        """Serve one call, or replay the reply of an earlier one.

        Raises:
            NexscoutError: it was not admitted or not delivered; then no energy is charged.
        """
        with self._told(call, context):
            opened = await self._open(call, context)
            if isinstance(opened, Reply):
                return opened
            run = opened.run
            try:
                generated = filtered(run, await self._deliverer.deliver(run, await self._messages(opened)))
            except BaseException as error:
                # Also when cancelled, and for a fault of our own: what is held goes back before anything else.
                await self._settler.release(run, error)
                raise
            return await self._settler.settle(run, generated)

    async def stream(self, call: AICall, context: RequestContext) -> Reply | LiveStream:
        """Begin a streamed call: returns once the provider has begun to answer, so that all else fails with a status.

        A call with a structure, and one that is replayed, is finished at once: only a valid whole is delivered.

        Raises:
            NexscoutError: as `run` does.
        """
        if call.structure is not None:
            return await self.run(call, context)
        with self._told(call, context):
            opened = await self._open(call, context)
            if isinstance(opened, Reply):
                return opened
            try:
                begun = await self._deliverer.begin(opened.run, await self._messages(opened))
            except BaseException as error:
                await self._settler.release(opened.run, error)
                raise
            return LiveStream(opened.run, begun, self._settler)

    @contextmanager
    def _told(self, call: AICall, context: RequestContext) -> Iterator[None]:
        """Count the call, and give its errors the words of its feature."""
        self._metrics.requests += 1
        context.fields.update(action=call.action, user_id=call.caller.user_id)
        try:
            yield
        except UpgradeRequired as error:
            self._metrics.failed(error.code)
            raise UpgradeRequired(call.upgrade_sentence) from error
        except NexscoutError as error:
            self._metrics.failed(error.code)
            raise

    def _admitted(self, call: AICall, context: RequestContext, hold: Hold, ordered: Sequence[Model]) -> Run:
        chosen = self._catalogue.get(hold.model)
        spare = fallbacks(chosen, call.wish, ordered, self._catalogue, hold.class_energy)
        until = context.deadline.minus(SETTLE_SECONDS)
        return Run(call, context, hold, [chosen, *spare], requested_model(call, ordered), until)

    async def _open(self, call: AICall, context: RequestContext) -> _Opened | Reply:
        """Reserve, and at the same time read what the prompt needs."""
        ordered = candidates(call.wish, needs(call), self._catalogue, self._lists)
        request = reservation(call, context.request_id, ordered, self._catalogue)
        work = context.deadline.minus(SETTLE_SECONDS)
        self._deliverer.prepare()
        reserving = asyncio.ensure_future(
            _timed(context, "reserve", self._ledger.reserve(request, context.deadline, call.feature))
        )
        try:
            hold, loaded, prospect = await asyncio.gather(
                asyncio.shield(reserving),
                _timed(context, "config", self._load(call, work)),
                _timed(context, "prospect", self._find_prospect(call, work)),
                return_exceptions=True,
            )
        except asyncio.CancelledError as gone:
            await to_the_end(
                self._give_back(reserving, lambda hold: self._admitted(call, context, hold, ordered), gone)
            )
            raise
        if isinstance(hold, BaseException):
            raise hold
        if isinstance(hold, Replay):
            return self._replayed(hold, context)
        return _Opened(self._admitted(call, context, hold, ordered), loaded, prospect)

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

    async def _load(self, call: AICall, deadline: Deadline) -> Loaded | None:
        return await self._configurations.load(call.caller, deadline) if call.configured else None

    async def _configuration(self, run: Run, loaded: Loaded | None) -> Configuration:
        """Return one that is as new as the reservation told."""
        version, caller = run.hold.config_version, run.call.caller
        if loaded is None:
            return Configuration(caller.user_id or "", version, {})
        run.loaded = await self._configurations.at_least(loaded, version, caller, run.until)
        self._metrics.configuration(cached=run.loaded.cached)
        return run.loaded.configuration

    async def _find_prospect(self, call: AICall, deadline: Deadline) -> Prospect | None:
        if call.material is not None:
            return await _read_material(self._database, call, call.material, deadline)
        if call.prospect_id is None:
            return None
        prospect = await _read_prospect(self._database, call.caller, call.prospect_id, deadline)
        if prospect is None:
            raise ProspectNotFound
        return prospect

    async def _messages(self, opened: _Opened) -> Sequence[Message]:
        run, call = opened.run, opened.run.call
        prospect = _read(opened.prospect)
        messages = call.build(await self._configuration(run, _read(opened.loaded)), prospect)
        if prompt_bytes(messages, call.structure) > call.prompt_limit_bytes:
            raise PayloadTooLarge(
                f"The prompt is too large: at most {call.prompt_limit_bytes} bytes are taken."
            )
        if images_in(messages) > call.images:
            # The hold does not reach for them.
            raise InternalError
        await self._moderator.check(run)
        return messages


async def _read_prospect(
    database: Database, caller: Caller, prospect_id: str, deadline: Deadline
) -> Prospect | None:
    if caller.user_id is None:
        raise InternalError
    if caller.token is not None:
        # By owner as well: row-level security is the second lock, not the only one.
        owned = {"id": prospect_id, "user_id": caller.user_id}
        return await database.as_user(caller.token).find("prospects", owned, deadline)
    if caller.kind != "service":
        raise InternalError
    arguments = {"p_user_id": caller.user_id, "p_prospect_id": prospect_id}
    found: Prospect | None = await database.as_service().rpc("ai_prospect_of", arguments, deadline)
    return found


async def _read_material(
    database: Database, call: AICall, material: Material, deadline: Deadline
) -> Mapping[str, Any]:
    if call.caller.token is None:
        raise InternalError
    read = await database.as_user(call.caller.token).rpc(material.function, material.arguments, deadline)
    # The second lock, as for the configuration: whatever the policies let through, only the caller's own is used.
    if not isinstance(read, dict) or read.get("user_id") != call.caller.user_id:
        raise InternalError
    if call.prospect_id is not None and read.get("prospect") is None:
        raise ProspectNotFound
    return read


def _read(result: T | BaseException) -> T:
    """Return what was read, or raise what kept it from being read."""
    if isinstance(result, BaseException):
        raise result
    return result


async def _timed(context: RequestContext, part: str, work: Awaitable[T]) -> T:
    with context.timed(part):
        return await work
