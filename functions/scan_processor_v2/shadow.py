"""A copied scan in shadow mode: it is read and scored by rules, and only its figures are logged."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from functions.scan_processor_v2.intake.intake import StoredBlock, stored_blocks
from functions.scan_processor_v2.intake.source import Download, download, inline_input
from functions.scan_processor_v2.reading.record import Record
from functions.scan_processor_v2.schemas import ScanRequest
from functions.scan_processor_v2.scoring.rules import rule_items
from shared.deadline import Deadline
from shared.errors import ScanNotFound
from shared.services import Services
from shared.supabase.auth import Caller


async def count_scan(
    request: ScanRequest, caller: Caller, services: Services, deadline: Deadline
) -> dict[str, object]:
    """Return the figures of a scan for the log: records, removed records, and people by bucket.

    Raises:
        ScanNotFound: the scan does not exist or belongs to another user.
        NexscoutError: the input cannot be read, or not in time; the scan does not change.
    """
    owner = await _owner(request, caller, services, deadline)
    data: bytes | Download | None = inline_input(request)
    if data is None:
        data = await download(request, replace(caller, user_id=owner), services.storage, deadline)
    figures = Counter[str]()
    try:
        stored = stored_blocks(request.scan_type, data, figures)
        while await asyncio.to_thread(_counted, stored, figures):
            deadline.timeout(0)
    finally:
        if isinstance(data, Download):
            data.close()
    return {"scan_id": request.scan_id, "scan_type": request.scan_type, **figures}


async def _owner(request: ScanRequest, caller: Caller, services: Services, deadline: Deadline) -> str:
    # The service acts for the owner of the scan.
    user_id = caller.user_id if caller.kind == "user" else None
    arguments = {"p_scan_id": str(request.scan_id), "p_user_id": user_id}
    owner: str | None = await services.database.as_service().rpc("scan_owner", arguments, deadline)
    if owner is None:
        raise ScanNotFound
    return owner


def _counted(stored: Iterator[StoredBlock], figures: Counter[str]) -> bool:
    """Count the people of the next block; return False if there is none."""
    block = next(stored, None)
    if block is None:
        return False
    items = rule_items(Record.from_json(record) for record in block)
    figures.update(["blocks", *(item.bucket for item in items)])
    figures["people"] += len(items)
    return True
