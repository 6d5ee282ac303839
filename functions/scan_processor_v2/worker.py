"""Works off the scans that wait: those too large for their call, and those whose worker has not come back."""

import asyncio
import logging

from functions.scan_processor_v2.processing import MOST_TRIES
from functions.scan_processor_v2.store import Lease, ScanStore
from functions.scan_processor_v2.work import LEASE_SECONDS, ScanWork
from shared.deadline import Deadline
from shared.errors import NexscoutError
from shared.log import log_event
from shared.services import Services

SCANS_AT_ONCE = 2


async def work(services: Services) -> int:
    """Work on the scans that have waited longest, a few at once, and give how many were claimed.

    What is not done when the budget ends is given back, for the next worker to go on with.
    """
    deadline = Deadline.starting(services.settings.scan_timeout_seconds)
    store = ScanStore(services.database)
    leases = await store.claim(None, SCANS_AT_ONCE, LEASE_SECONDS, MOST_TRIES, deadline)
    await asyncio.gather(*(_do(lease, services, deadline) for lease in leases))
    return len(leases)


async def _do(lease: Lease, services: Services, deadline: Deadline) -> None:
    try:
        await ScanWork(lease, services, deadline).run()
    except NexscoutError as error:
        log_event("scan.failed", level=logging.WARNING, scan_id=lease.scan_id, code=error.code)
