"""The intake of a scan: its input is read into records, stored as blocks, and queued."""

import asyncio
import base64
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from functions.scan_processor_v2.intake.images import checked_image
from functions.scan_processor_v2.intake.source import NOTHING, Download, download, inline_input
from functions.scan_processor_v2.reading.duplicate import deduplicated
from functions.scan_processor_v2.reading.encoding import whole_text
from functions.scan_processor_v2.reading.record import Record, blocks
from functions.scan_processor_v2.reading.table import csv_records
from functions.scan_processor_v2.reading.text import text_records
from functions.scan_processor_v2.schemas import ScanRequest
from functions.scan_processor_v2.store import Lease, ScanStore
from shared.deadline import Deadline
from shared.errors import InvalidRequest, PayloadTooLarge
from shared.services import Services
from shared.supabase.auth import Caller

BLOCKS_A_CALL = 20
MAX_RECORDS = 200_000

StoredBlock = list[dict[str, Any]]


async def store_input(
    request: ScanRequest, lease: Lease, caller: Caller, services: Services, deadline: Deadline
) -> int:
    """Store all records of the input, and return the number of blocks.

    Raises:
        InvalidRequest: the input cannot be read or is empty.
        PayloadTooLarge: the input exceeds the limit of its type, or has too many records.
        LeaseLost: the lease expired meanwhile.
    """
    data: bytes | Download | None = inline_input(request)
    if data is None:
        data = await download(request, caller, services.storage, deadline)
    store, facts = ScanStore(services.database), Counter[str]()
    try:
        stored = stored_blocks(request.scan_type, data, facts)
        number = 0
        while batch := await asyncio.to_thread(_batch, stored):
            await store.add_blocks(lease, number, batch, deadline)
            number += len(batch)
    finally:
        if isinstance(data, Download):
            data.close()
    if number == 0:
        raise InvalidRequest(NOTHING, details=[{"field": "payload", "message": NOTHING.rstrip(".")}])
    await store.queue(lease, facts, deadline)
    return number


def _batch(stored: Iterator[StoredBlock]) -> list[StoredBlock]:
    """Return the blocks for one database call; it runs in a thread, because reading takes time."""
    return list(islice(stored, BLOCKS_A_CALL))


def stored_blocks(scan_type: str, data: bytes | Download, facts: Counter[str]) -> Iterator[StoredBlock]:
    """Yield the input as blocks of stored records, counting in `facts`; raises as `store_input` does."""
    if scan_type == "image":
        yield [_image(data if isinstance(data, bytes) else data.whole())]
        return
    for block in blocks(deduplicated(_records(scan_type, data), facts)):
        facts["records"] += len(block)
        if facts["records"] > MAX_RECORDS:
            raise PayloadTooLarge(f"A scan takes at most {MAX_RECORDS} records.")
        yield [record.to_json() for record in block]


def _records(scan_type: str, data: bytes | Download) -> Iterator[Record]:
    if scan_type == "csv":
        return csv_records(data if isinstance(data, bytes) else data.chunks())
    return text_records(data.decode() if isinstance(data, bytes) else whole_text(data.whole()))


def _image(data: bytes) -> dict[str, Any]:
    """Return the one record of an image, with its data: a worker has no token of the caller to read it again."""
    checked = checked_image(data)
    image = {"type": checked.media_type, "data": base64.b64encode(data).decode()}
    return Record(0, "", source="image").to_json() | {"image": image}
