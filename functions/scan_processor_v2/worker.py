"""The worker of scans: those too large for their call, and those whose lease expired."""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from functions.scan_processor_v2.store import ScanStore
from functions.scan_processor_v2.work.lease import LEASE_SECONDS, ScanWork
from functions.scan_processor_v2.work.scan import MAX_TRIES
from shared.deadline import Deadline
from shared.errors import NexscoutError
from shared.log import log_event
from shared.services import Services


async def work_on(message: Mapping[str, Any], services: Services, deadline: Deadline) -> None:
    """Work on the scan that a message names, unless another worker does.

    If the time ends first, a new message starts the next worker.

    Raises:
        NexscoutError: it cannot be claimed now; its message must be delivered again.
    """
    scan_id = UUID(message["scanId"])
    lease = await ScanStore(services.database).claim(scan_id, LEASE_SECONDS, MAX_TRIES, deadline)
    if lease is None:
        return
    try:
        await ScanWork(lease, services, deadline).run()
    except NexscoutError as error:
        log_event("scan.failed", level=logging.WARNING, scan_id=scan_id, code=error.code)
