"""Works off the scans that wait: those too large for their call, and those whose worker has not come back."""

import asyncio
import logging
from uuid import UUID

from functions.scan_processor_v2.processing import MOST_TRIES
from functions.scan_processor_v2.store import Lease, ScanStore
from functions.scan_processor_v2.work import LEASE_SECONDS, ScanWork
from shared.deadline import Deadline
from shared.errors import NexscoutError
from shared.log import log_event
from shared.services import Services

SCANS_AT_ONCE = 2


async def work(services: Services, deadline: Deadline | None = None) -> int:
    """Work on the scans that have waited longest, a few at once, and give how many were claimed.

    What is not done when the budget ends is given back, for the next worker to go on with.
    """
    if deadline is None:
        deadline = Deadline.starting(services.settings.scan_timeout_seconds)
    store = ScanStore(services.database)
    leases = await store.claim(None, SCANS_AT_ONCE, LEASE_SECONDS, MOST_TRIES, deadline)
    await asyncio.gather(*(_do(lease, services, deadline) for lease in leases))
    return len(leases)


async def work_on(scan_id: UUID, services: Services, deadline: Deadline) -> bool:
    """Work on this scan, if nobody does; False when it has to be gone on with later."""
    leases = await ScanStore(services.database).claim(scan_id, 1, LEASE_SECONDS, MOST_TRIES, deadline)
    done = [await _do(lease, services, deadline) for lease in leases]
    return all(done)


async def _do(lease: Lease, services: Services, deadline: Deadline) -> bool:
    """Work on a scan; False when it was given back or its lease has gone."""
    try:
        return await ScanWork(lease, services, deadline).run() is not None
    except NexscoutError as error:
        log_event("scan.failed", level=logging.WARNING, scan_id=lease.scan_id, code=error.code)
        return True
