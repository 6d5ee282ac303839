"""Works on the scans that messages name: those too large for their call, and those whose worker has not come back."""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from functions.scan_processor_v2.store import ScanStore
from functions.scan_processor_v2.work.lease import LEASE_SECONDS, ScanWork
from functions.scan_processor_v2.work.scan import MOST_TRIES
from shared.deadline import Deadline
from shared.errors import NexscoutError
from shared.log import log_event
from shared.services import Services


async def work_on(message: Mapping[str, Any], services: Services, deadline: Deadline) -> None:
    """Work on the scan that a message names, unless somebody else does.

    What is not done when the budget ends is told to the next worker by a message of its own.

    Raises:
        NexscoutError: it cannot be claimed now; its message must come again.
    """
    scan_id = UUID(message["scanId"])
    lease = await ScanStore(services.database).claim(scan_id, LEASE_SECONDS, MOST_TRIES, deadline)
    if lease is None:
        return
    try:
        await ScanWork(lease, services, deadline).run()
    except NexscoutError as error:
        log_event("scan.failed", level=logging.WARNING, scan_id=scan_id, code=error.code)
