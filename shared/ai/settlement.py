"""The end of an admitted call: settled if something was delivered, else released."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from shared.ai.delivery.run import Run
from shared.ai.metrics import Metrics
from shared.ai.money.ledger import Ledger, Settlement
from shared.ai.money.outcomes import Outcome
from shared.ai.reply import Reply, body_of, end_record, settle_record
from shared.ai.task import Generated
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.errors import ClientClosed, DeadlineExceeded, InternalError, NexscoutError, ServiceUnavailable
from shared.log import log_event
from shared.shield import run_to_completion

GRACE_SECONDS = 1.0
"""The minimum time for resolving a hold, even after the deadline."""

ROW_NAMES = {"generationId", "conversationId"}
"""Fields of a reply with the id of a row that the settlement stores; null if the database refused the row."""


class Settler:
    """Ends runs in the ledger; cancellation of the caller does not stop it."""

    def __init__(self, ledger: Ledger, metrics: Metrics) -> None:
        self._ledger = ledger
        self._metrics = metrics

    async def settle(self, run: Run, generated: Generated, *, whole: bool = True) -> Reply:
        """Charge a delivered call and return its reply; one that is not `whole` is never replayed.

        If the ledger does not answer, the reply is returned with the held energy, the upper bound.
        """
        return await run_to_completion(self._settle(run, generated, whole=whole))

    async def release(self, run: Run, error: BaseException) -> None:
        """Release what a call held; never raise a NexscoutError, because `error` is the one to report."""
        await run_to_completion(self._release(run, error))

    async def _settle(self, run: Run, generated: Generated, *, whole: bool) -> Reply:
        body = body_of(run, generated)
        record = settle_record(run, generated, body) | {"replayable": whole}
        if not whole:
            record["error_code"] = "client_closed"
        with run.context.timed("settle"):
            settlement = await self._settlement(run, record)
        body["meta"]["energyConsumed"] = settlement.energy_charged
        body["meta"]["energyRemaining"] = settlement.energy_available
        if settlement.storage_error is not None:
            body |= dict.fromkeys(ROW_NAMES & body.keys())
            log_event("generation.not_stored", level=logging.ERROR, sqlstate=settlement.storage_error)
        served = run.served_by()
        self._metrics.served(
            served.provider, served.name, settlement.energy_charged, run.context.elapsed_ms()
        )
        self._count(run, settlement.energy_charged)
        return Reply(body, 200, served.name, settlement.energy_available, replayed=False)

    async def _settlement(self, run: Run, record: Mapping[str, Any]) -> Settlement:
        try:
            return await self._ledger.settle(run.context.request_id, record, _grace(run.context))
        except (ServiceUnavailable, DeadlineExceeded) as error:
            # The call may be charged, so its reply is delivered with the most that it can have cost.
            log_event(
                "settle.unanswered", level=logging.ERROR, code=error.code, request_id=run.context.request_id
            )
            return Settlement(Outcome.SETTLED, run.hold.energy_held, run.hold.energy_available, None)

    async def _release(self, run: Run, error: BaseException) -> None:
        recorded = _recorded_error(error)
        record = end_record(run) | {"error_code": recorded.code, "error_message": recorded.message}
        record |= run.task.rows_without_answer(recorded)
        self._count(run, 0)
        try:
            with run.context.timed("settle"):
                await self._ledger.release(run.context.request_id, record, _grace(run.context))
        except NexscoutError as failure:
            # The hold expires, and the sweep records what was sent.
            log_event(
                "release.failed", level=logging.ERROR, code=failure.code, request_id=run.context.request_id
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


def _recorded_error(error: BaseException) -> NexscoutError:
    """Return the error that is recorded; a cancelled call is one whose client disconnected."""
    if isinstance(error, NexscoutError):
        return error
    return ClientClosed() if isinstance(error, asyncio.CancelledError) else InternalError()


def _grace(context: RequestContext) -> Deadline:
    """Return the deadline for resolving a hold: the request's, but at least a second from now."""
    deadline = context.deadline
    return Deadline.starting(max(deadline.remaining(), GRACE_SECONDS), clock=deadline.clock)
