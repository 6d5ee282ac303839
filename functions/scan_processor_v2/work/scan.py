"""A scan that is asked for over HTTP: taken in, worked on while there is time, and told how it stands."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from functions.scan_processor_v2.intake.intake import take_in
from functions.scan_processor_v2.schemas import ScanRequest
from functions.scan_processor_v2.store import Accepted, Arrival, Lease, LeaseLost, ScanStore
from functions.scan_processor_v2.work.lease import LEASE_SECONDS, ScanWork, fail, tell_worker
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

MOST_BLOCKS_AT_ONCE = 4
"""A larger scan is left to the worker."""

MOST_TRIES = 5
"""Claims of a scan of which no block was done; it is failed at the next."""

ANSWER_SECONDS = 1.0
"""What is kept of the budget for answering."""

LOOK_SECONDS = 0.2


class ScanFailed(NexscoutError):  # noqa: N818  # named as its code
    """The scan has ended as failed, which is final; its own sentence says why."""

    status = 422
    code = "scan_failed"
    sentence = "This scan has failed. Please start a new one."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks for; `read` gives the whole request, or raises for what is wrong with it."""

    scan_id: UUID
    scan_type: str
    input_hash: str
    read: Callable[[], ScanRequest]


class Processing:
    """What one caller may do with scans, within one budget."""

    def __init__(self, services: Services, caller: Caller, deadline: Deadline) -> None:
        self._services = services
        self._store = ScanStore(services.database)
        self._caller = caller
        self._deadline = deadline

    async def process(self, asked: Asked) -> dict[str, Any]:
        """Return the reply: complete, or with a `status` where the scan is still to be worked on.

        Raises:
            ScanNotFound: it is not the caller's; nothing has changed.
            NexscoutError: it was failed with this sentence.
        """
        accepted = await self._accept(asked)
        if accepted.lease is None:
            return _standing(asked.scan_id, accepted)
        if await self._take_in(accepted.lease, asked.read) > MOST_BLOCKS_AT_ONCE:
            return await self._leave(asked.scan_id)
        return await self._work(asked)

    async def refuse(self, scan_id: UUID, error: NexscoutError) -> None:
        """Fail a scan whose request cannot be read, where nothing of it was taken in before.

        Raises:
            ScanNotFound: it is not the caller's.
        """

        def refuse() -> ScanRequest:
            raise error

        accepted = await self._accept(Asked(scan_id, "text", "", refuse))
        if accepted.lease is not None:
            await fail(self._store, accepted.lease, error)

    async def _accept(self, asked: Asked) -> Accepted:
        # The service acts for whoever owns the scan.
        user_id = self._caller.user_id if self._caller.kind == "user" else None
        arrival = Arrival(asked.scan_id, user_id, asked.scan_type, asked.input_hash)
        seconds = int(self._deadline.remaining()) + LEASE_SECONDS
        return await self._store.accept(arrival, seconds, self._deadline)

    async def _take_in(self, lease: Lease, read: Callable[[], ScanRequest]) -> int:
        """Store the input; whatever goes wrong fails the scan, so that nobody waits for it."""
        caller = replace(self._caller, user_id=lease.user_id)
        until = self._deadline.minus(ANSWER_SECONDS)
        try:
            return await take_in(read(), lease, caller, self._services, until)
        except LeaseLost as exc:
            raise InternalError from exc
        except NexscoutError as error:
            await run_to_completion(fail(self._store, lease, error))
            raise
        except BaseException:
            await run_to_completion(fail(self._store, lease, InternalError()))
            raise

    async def _work(self, asked: Asked) -> dict[str, Any]:
        until = self._deadline.minus(ANSWER_SECONDS)
        try:
            lease = await self._store.claim(asked.scan_id, LEASE_SECONDS, MOST_TRIES, until)
        except (ServiceUnavailable, DeadlineExceeded):
            # It waits for a worker all the same.
            return await self._leave(asked.scan_id)
        if lease is None:
            return await self._wait(asked)
        reply = await ScanWork(lease, self._services, until).run()
        return _queued(asked.scan_id) if reply is None else reply

    async def _leave(self, scan_id: UUID) -> dict[str, Any]:
        """Leave it to a worker."""
        await tell_worker(self._services.scan_queue, scan_id, self._deadline)
        return _queued(scan_id)

    async def _wait(self, asked: Asked) -> dict[str, Any]:
        """Wait for the worker that was quicker, while there is time."""
        while self._deadline.remaining() > ANSWER_SECONDS + LOOK_SECONDS:
            accepted = await self._accept(asked)
            if accepted.state != "running":
                return _standing(asked.scan_id, accepted)
            await asyncio.sleep(LOOK_SECONDS)
        return _queued(asked.scan_id)


def _standing(scan_id: UUID, accepted: Accepted) -> dict[str, Any]:
    """Return what a scan that is not this caller's to work on has come to."""
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
