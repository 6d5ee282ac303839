"""The one way to a model: reserve, deliver inside the deadline, then settle or release."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.ai.call import AICall, Generated, Prospect
from shared.ai.catalogue import Catalogue, Model
from shared.ai.delivery import Chance, Deliverer, prompt_bytes
from shared.ai.metrics import Metrics
from shared.ai.provider import Providers
from shared.ai.reply import Reply, body_of, end_record, settle_record
from shared.ai.reservation import needs, requested_model, reservation
from shared.ai.run import Run
from shared.ai.selection import ClassLists, candidates, fallbacks
from shared.config_cache import ConfigService, Loaded
from shared.context import RequestContext
from shared.database import Database
from shared.deadline import Deadline
from shared.energy.ledger import Hold, Ledger, Replay
from shared.errors import InternalError, NexscoutError, PayloadTooLarge, ProspectNotFound, UpgradeRequired
from shared.log import log_event

SETTLE_SECONDS = 3.0
"""What is kept of the budget for settling: a call that ran out of time is still released within it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Opened:
    """What the first round trip brought; a read that failed is kept until the hold can be released for it."""

    hold: Hold
    loaded: Loaded | BaseException
    prospect: Prospect | BaseException | None


class Orchestrator:
    """Runs calls; keeps nothing of a call beyond it but counters."""

    def __init__(  # noqa: PLR0913  # the parts it is made of, each by name
        self,
        *,
        database: Database,
        ledger: Ledger,
        configurations: ConfigService,
        providers: Providers,
        catalogue: Catalogue,
        lists: ClassLists,
        chance: Chance,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._configurations = configurations
        self._catalogue = catalogue
        self._lists = lists
        self._deliverer = Deliverer(providers, ledger, chance)
        self._metrics = Metrics()

    def metrics(self) -> dict[str, Any]:
        """Give the counters of this process."""
        return self._metrics.snapshot()

    async def run(self, call: AICall, context: RequestContext) -> Reply:
        """Serve one call, or replay the reply of an earlier one.

        Raises:
            NexscoutError: it was not admitted or not delivered; then no energy is charged.
        """
        self._metrics.requests += 1
        context.fields.update(action=call.action, user_id=call.caller.user_id)
        try:
            reply = await self._run(call, context)
        except UpgradeRequired as error:
            self._metrics.failed(error.code)
            raise UpgradeRequired(call.upgrade_sentence) from error
        except NexscoutError as error:
            self._metrics.failed(error.code)
            raise
        context.fields["model"] = reply.model
        return reply

    async def _run(self, call: AICall, context: RequestContext) -> Reply:
        ordered = candidates(call.wish, needs(call), self._catalogue, self._lists)
        request = reservation(call, context.request_id, ordered, self._catalogue)
        opened = await self._open(call, request, context)
        if isinstance(opened, Replay):
            self._metrics.replayed += 1
            context.fields["replayed"] = True
            return Reply(opened.body, opened.status, opened.model, energy_remaining=None, replayed=True)
        run = self._admitted(call, context, opened.hold, ordered)
        try:
            generated = await self._generate(run, opened)
        except BaseException as error:
            # Also when cancelled, and for a fault of our own: what is held goes back before anything else.
            await _finish(self._release(run, error))
            raise
        return await _finish(self._settle(run, generated))

    def _admitted(self, call: AICall, context: RequestContext, hold: Hold, ordered: Sequence[Model]) -> Run:
        chosen = self._catalogue.get(hold.model)
        spare = fallbacks(chosen, call.wish, ordered, self._catalogue, hold.class_energy)
        until = context.deadline.minus(SETTLE_SECONDS)
        return Run(call, context, hold, [chosen, *spare], requested_model(call, ordered), until)

    async def _open(
        self, call: AICall, request: Mapping[str, Any], context: RequestContext
    ) -> _Opened | Replay:
        """Reserve, and at the same time read what the prompt needs."""
        work = context.deadline.minus(SETTLE_SECONDS)
        hold, loaded, prospect = await asyncio.gather(
            _timed(context, "reserve", self._ledger.reserve(request, work)),
            _timed(context, "config", self._configurations.load(call.caller, work)),
            _timed(context, "prospect", self._find_prospect(call, work)),
            return_exceptions=True,
        )
        if isinstance(hold, BaseException):
            raise hold
        return hold if isinstance(hold, Replay) else _Opened(hold, loaded, prospect)

    async def _find_prospect(self, call: AICall, deadline: Deadline) -> Prospect | None:
        if call.prospect_id is None:
            return None
        if call.caller.token is None or call.caller.user_id is None:
            raise InternalError
        # By owner as well: row-level security is the second lock, not the only one.
        prospect = await self._database.as_user(call.caller.token).find(
            "prospects", {"id": call.prospect_id, "user_id": call.caller.user_id}, deadline
        )
        if prospect is None:
            raise ProspectNotFound
        return prospect

    async def _generate(self, run: Run, opened: _Opened) -> Generated:
        call = run.call
        loaded, prospect = _read(opened.loaded), _read(opened.prospect)
        run.loaded = await self._configurations.at_least(
            loaded, run.hold.config_version, call.caller, run.until
        )
        self._metrics.configuration(cached=run.loaded.cached)
        messages = call.build(run.loaded.configuration, prospect)
        if prompt_bytes(messages, call.structure) > call.prompt_limit_bytes:
            raise PayloadTooLarge(f"The prompt is too large: at most {call.prompt_limit_bytes} bytes are taken.")
        return await self._deliverer.deliver(run, messages)

    async def _settle(self, run: Run, generated: Generated) -> Reply:
        body = body_of(run, generated)
        with run.context.timed("settle"):
            settlement = await self._ledger.settle(
                run.context.request_id, settle_record(run, generated, body), _grace(run.context)
            )
        body["meta"]["energyConsumed"] = settlement.energy_charged
        body["meta"]["energyRemaining"] = settlement.energy_available
        if settlement.storage_error is not None:
            body["generationId"] = None
            log_event("generation.not_stored", level=logging.ERROR, sqlstate=settlement.storage_error)
        served = run.served_by()
        self._metrics.served(
            served.provider, served.name, settlement.energy_charged, run.context.elapsed_ms()
        )
        self._count(run, settlement.energy_charged)
        return Reply(body, 200, served.name, settlement.energy_available, replayed=False)

    async def _release(self, run: Run, error: BaseException) -> None:
        known = error if isinstance(error, NexscoutError) else InternalError()
        record = end_record(run) | {"error_code": known.code, "error_message": known.message}
        self._count(run, 0)
        try:
            with run.context.timed("settle"):
                await self._ledger.release(run.context.request_id, record, _grace(run.context))
        except NexscoutError as fault:
            # The hold ends by itself; the sweep records what was sent.
            log_event(
                "release.failed", level=logging.ERROR, code=fault.code, request_id=run.context.request_id
            )

    def _count(self, run: Run, energy: int) -> None:
        tokens, cost = run.usage().total_tokens, run.cost_usd()
        self._metrics.sent(len(run.attempts), tokens, cost)
        run.context.fields.update(
            model=run.served_by().name,
            tokens=tokens,
            cost_usd=cost,
            energy=energy,
            attempts=len(run.attempts),
        )


def _read(result: T | BaseException) -> T:
    """Give what was read, or raise what kept it from being read."""
    if isinstance(result, BaseException):
        raise result
    return result


def _grace(context: RequestContext) -> Deadline:
    """Give the time to resolve a hold: what is left, and a second where nothing is."""
    return Deadline.starting(max(context.deadline.remaining(), 1.0))


async def _timed(context: RequestContext, part: str, work: Awaitable[T]) -> T:
    with context.timed(part):
        return await work


async def _finish(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end although the caller is cancelled: money is never left half done."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
