"""A scan requested over HTTP: its input is stored, it is worked on while time remains, its state is returned."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from functions.scan_processor_v2.intake.intake import store_input
from functions.scan_processor_v2.schemas import ScanRequest
from functions.scan_processor_v2.store import Accepted, Arrival, Lease, LeaseLost, ScanStore
from functions.scan_processor_v2.work.lease import LEASE_SECONDS, ScanWork, fail, notify_worker
from shared.deadline import Deadline
from shared.errors import (
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    NexscoutError,
    PayloadTooLarge,
    ServiceUnavailable,
)
from shared.services import Services
from shared.shield import run_to_completion
from shared.supabase.auth import Caller

MAX_BLOCKS_IN_CALL = 4
"""A larger scan is left to a worker."""

MAX_TRIES = 5
"""The number of claims without progress before a scan fails."""

ANSWER_SECONDS = 1.0
"""Seconds of the budget kept for the reply."""

LOOK_SECONDS = 0.2


class ScanFailed(NexscoutError):  # noqa: N818  # named as its code
    """The scan has failed, which is final; its sentence says why."""

    status = 422
    code = "scan_failed"
    sentence = "This scan has failed. Please start a new one."


@dataclass(frozen=True, slots=True)
class ScanCall:
    """A caller's request for a scan; `read` returns the validated request or raises."""

    scan_id: UUID
    scan_type: str
    input_hash: str
    read: Callable[[], ScanRequest]


class ScanProcessor:
    """Processes the scans of one caller within one deadline."""

    def __init__(self, services: Services, caller: Caller, deadline: Deadline) -> None:
        self._services = services
        self._store = ScanStore(services.database)
        self._caller = caller
        self._deadline = deadline

    async def process(self, scan_call: ScanCall) -> dict[str, Any]:
        """Return the counts of a completed scan, or the status of one that a worker continues.

        Raises:
            ScanNotFound: it does not exist or belongs to another user; nothing has changed.
            NexscoutError: the scan has failed with this message.
        """
        accepted = await self._accept(scan_call)
        if accepted.lease is None:
            return _reply_of(scan_call.scan_id, accepted)
        if await self._store_input(accepted.lease, scan_call.read) > MAX_BLOCKS_IN_CALL:
            return await self._leave_to_worker(scan_call.scan_id)
        return await self._work(scan_call)

    async def refuse(self, scan_id: UUID, error: NexscoutError) -> None:
        """Fail a scan whose request cannot be read, unless it was accepted before.

        Raises:
            ScanNotFound: it does not exist or belongs to another user.
        """

        def refuse() -> ScanRequest:
            raise error

        accepted = await self._accept(ScanCall(scan_id, "text", "", refuse))
        if accepted.lease is not None:
            await fail(self._store, accepted.lease, error)

    async def _accept(self, scan_call: ScanCall) -> Accepted:
        # The service acts for the owner of the scan.
        user_id = self._caller.user_id if self._caller.kind == "user" else None
        arrival = Arrival(scan_call.scan_id, user_id, scan_call.scan_type, scan_call.input_hash)
        seconds = int(self._deadline.remaining()) + LEASE_SECONDS
        return await self._store.accept(arrival, seconds, self._deadline)

    async def _store_input(self, lease: Lease, read: Callable[[], ScanRequest]) -> int:
        """Store the input and return the number of blocks; fail the scan on any error, so that nobody waits for it."""
        caller = replace(self._caller, user_id=lease.user_id)
        deadline = self._deadline.minus(ANSWER_SECONDS)
        try:
            return await store_input(read(), lease, caller, self._services, deadline)
        except LeaseLost as exc:
            raise InternalError from exc
        except NexscoutError as error:
            await run_to_completion(fail(self._store, lease, error))
            raise
        except BaseException:
            await run_to_completion(fail(self._store, lease, InternalError()))
            raise

    async def _work(self, scan_call: ScanCall) -> dict[str, Any]:
        deadline = self._deadline.minus(ANSWER_SECONDS)
        try:
            lease = await self._store.claim(scan_call.scan_id, LEASE_SECONDS, MAX_TRIES, deadline)
        except (ServiceUnavailable, DeadlineExceeded):
            # It is queued, so a worker will claim it.
            return await self._leave_to_worker(scan_call.scan_id)
        if lease is None:
            return await self._wait(scan_call)
        reply = await ScanWork(lease, self._services, deadline).run()
        return _queued(scan_call.scan_id) if reply is None else reply

    async def _leave_to_worker(self, scan_id: UUID) -> dict[str, Any]:
        """Notify a worker, and return the status."""
        await notify_worker(self._services.scan_queue, scan_id, self._deadline)
        return _queued(scan_id)

    async def _wait(self, scan_call: ScanCall) -> dict[str, Any]:
        """Wait for another worker to end the scan, while time remains; return the reply or the status."""
        while self._deadline.remaining() > ANSWER_SECONDS + LOOK_SECONDS:
            accepted = await self._accept(scan_call)
            if accepted.state != "running":
                return _reply_of(scan_call.scan_id, accepted)
            await asyncio.sleep(LOOK_SECONDS)
        return _queued(scan_call.scan_id)


def _reply_of(scan_id: UUID, accepted: Accepted) -> dict[str, Any]:
    """Return the reply or the status of a scan that another process has; raise its error if it failed."""
    if accepted.state == "failed":
        kind = {kind.code: kind for kind in (InvalidRequest, PayloadTooLarge)}.get(
            accepted.code or "", ScanFailed
        )
        raise kind(accepted.sentence)
    if accepted.reply is None:
        return _queued(scan_id)
    return accepted.reply


def _queued(scan_id: UUID) -> dict[str, Any]:
    return {"success": True, "scanId": str(scan_id), "status": "queued"}
