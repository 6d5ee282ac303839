"""The work on a leased scan: a few open blocks at a time, until none is open or the time ends."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from typing import Any
from uuid import UUID

from functions.scan_processor_v2.store import Block, Lease, LeaseLost, ScanStore
from functions.scan_processor_v2.work.blocks import BlockWork
from shared.deadline import Deadline
from shared.errors import DeadlineExceeded, InternalError, NexscoutError, ServiceUnavailable
from shared.jobs.queue import WorkQueue
from shared.log import log_event
from shared.services import Services

BLOCKS_AT_ONCE = 4
PAGE = 8

LEASE_SECONDS = 60
"""A worker that died is replaced after this time; a running one renews its lease three times as often."""

CLOSING_SECONDS = 1.5
"""Seconds of the budget kept for completing or releasing the scan."""

MIN_BLOCK_SECONDS = 3.5
"""The minimum time to start a block: settling alone keeps 3 s."""

LOOK_AGAIN_SECONDS = 5.0
"""The longest pause between two rounds: the reason to wait may end earlier than reported."""

MAX_EMPTY_ROUNDS = 3
"""Rounds without progress and without a reason to wait, after which the scan fails."""


class ScanWork:
    """The work of one process on one scan, under its lease."""

    def __init__(self, lease: Lease, services: Services, deadline: Deadline) -> None:
        self._lease = lease
        self._store = ScanStore(services.database)
        self._queue = services.scan_queue
        self._deadline = deadline.minus(CLOSING_SECONDS)
        self._blocks = BlockWork(lease, services, self._store, self._deadline)

    async def run(self) -> dict[str, Any] | None:
        """Work until the scan is complete and return its reply, or None if another worker must continue.

        Raises:
            NexscoutError: the scan cannot be completed; it has been marked as failed.
        """
        try:
            while await self._while_leased():
                reply = await self._store.finish(self._lease, self._blocks.meta(), Deadline.starting(10))
                if reply is not None:
                    _log_completion(self._lease, reply)
                    return reply
            await self._store.release(self._lease, Deadline.starting(5))
            await self._notify()
        except LeaseLost:
            log_event("scan.lease_lost", level=logging.WARNING, scan_id=self._lease.scan_id)
        except ServiceUnavailable as error:
            # Temporary: the lease expires, and then the scan can be claimed again.
            log_event("scan.postponed", level=logging.WARNING, scan_id=self._lease.scan_id, code=error.code)
            await self._notify(LEASE_SECONDS + 1)
        except NexscoutError as error:
            await fail(self._store, self._lease, error)
            raise
        except Exception as error:
            log_event("scan.crashed", level=logging.ERROR, scan_id=self._lease.scan_id, error=error)
            await fail(self._store, self._lease, InternalError())
            raise InternalError from error
        return None

    async def _notify(self, delay_seconds: int = 0) -> None:
        await notify_worker(
            self._queue, self._lease.scan_id, Deadline.starting(CLOSING_SECONDS), delay_seconds
        )

    async def _while_leased(self) -> bool:
        """Work while the lease is renewed; LeaseLost cancels the work and its calls."""
        work = asyncio.create_task(self._all_blocks())
        heartbeat = asyncio.create_task(self._keep_lease())
        try:
            await asyncio.wait({work, heartbeat}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            heartbeat.cancel()
            if not work.done():
                work.cancel()
            await asyncio.gather(work, heartbeat, return_exceptions=True)
        if work.cancelled():
            heartbeat.result()
        return work.result()

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            try:
                await self._store.renew(self._lease, LEASE_SECONDS, Deadline.starting(LEASE_SECONDS / 6))
            except (ServiceUnavailable, DeadlineExceeded):
                continue

    async def _all_blocks(self) -> bool:
        """Return whether all blocks seem to be done, False if the time ends first."""
        empty_rounds = 0
        while empty_rounds < MAX_EMPTY_ROUNDS:
            done_before, self._blocks.wait_seconds = self._blocks.done, 0.0
            if not await self._round():
                return True
            wait = self._blocks.wait_seconds
            if not self._has_time() or wait >= self._deadline.remaining():
                return False
            empty_rounds += self._blocks.done == done_before and wait == 0
            await asyncio.sleep(min(wait, LOOK_AGAIN_SECONDS))
        raise InternalError

    async def _round(self) -> bool:
        """Try each open block once; return whether one may still be open."""
        open_blocks, turn = self._open_blocks(), asyncio.Lock()
        done_before, seen, at_end = self._blocks.done, 0, False

        async def take() -> None:
            nonlocal seen, at_end
            while self._has_time():
                async with turn:
                    block = await anext(open_blocks, None)
                if block is None:
                    at_end = True
                    return
                seen += 1
                await self._blocks.do(block)

        await _together(take() for _ in range(BLOCKS_AT_ONCE))
        return not at_end or self._blocks.done - done_before < seen

    async def _open_blocks(self) -> AsyncIterator[Block]:
        after = -1
        while True:
            page = await self._store.open_blocks(self._lease, after, PAGE, Deadline.starting(10))
            for block in page:
                yield block
            if len(page) < PAGE:
                return
            after = page[-1].ordinal

    def _has_time(self) -> bool:
        return self._deadline.remaining() >= MIN_BLOCK_SECONDS


async def _together(parts: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run the parts at the same time; if one raises, cancel the others, which end their calls."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def notify_worker(queue: WorkQueue, scan_id: UUID, deadline: Deadline, delay_seconds: int = 0) -> None:
    """Send the message of a scan to a worker; if that fails, the sweep sends it."""
    await queue.send({"scanId": str(scan_id)}, deadline, delay_seconds)


async def fail(store: ScanStore, lease: Lease, error: NexscoutError) -> None:
    """End the scan as failed; if that cannot be stored, the next claim or the sweep does it."""
    try:
        await store.fail(lease, error.code, error.message, Deadline.starting(5))
    except LeaseLost:
        log_event("scan.lease_lost", level=logging.WARNING, scan_id=lease.scan_id)
    except NexscoutError as failure:
        log_event("scan.not_failed", level=logging.ERROR, scan_id=lease.scan_id, code=failure.code)


def _log_completion(lease: Lease, reply: Mapping[str, Any]) -> None:
    counts = {name: reply.get(name) for name in ("prospectsFound", "hot", "warm", "cold", "partial")}
    log_event("scan.completed", scan_id=lease.scan_id, user_id=lease.user_id, details=counts)
