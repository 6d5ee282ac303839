"""The route of scan-processor-v2: identifies the caller, stores the input, and works on it while time remains."""

import re
from collections.abc import Mapping
from typing import Any, get_args
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from functions.scan_processor_v2.schemas import FUNCTION, ScanRequest, ScanType
from shared.errors import InvalidRequest, NexscoutError, Unauthorized
from shared.http.app import context_of, document_at, services_of
from shared.http.body import body_hash, read_json
from shared.http.validation import parse
from shared.supabase.auth import Caller

router = APIRouter()
router.add_api_route(
    "/openapi.json", document_at("functions.scan_processor_v2.openapi"), include_in_schema=False
)

# Clients send it first: with it even an unreadable body says which scan has failed.
_SCAN_ID = re.compile(rb'"scanId"\s*:\s*"([0-9a-fA-F-]{32,36})"')


@router.post("")
async def process_scan(request: Request) -> Response:
    """Return 200 with the counts of a small scan, or 202 if a worker continues it."""
    services, context = services_of(request), context_of(request)
    caller = await services.authenticator.authenticate(request.headers, context.deadline)
    if caller.kind == "anonymous":
        raise Unauthorized
    if services.settings.shadow:
        return await _count(request, caller)
    return await _process(request, caller)


async def _count(request: Request, caller: Caller) -> Response:
    """Log the figures of a copied scan, in shadow mode."""
    # Imported here, as in `_process`: a tenth of a start. A snapshot has it (see handler.py).
    from functions.scan_processor_v2.shadow import count_scan  # noqa: PLC0415

    services, context = services_of(request), context_of(request)
    body = await read_json(request, services.settings.max_body_bytes)
    context.fields.update(await count_scan(parse(ScanRequest, body), caller, services, context.deadline))
    return JSONResponse({"success": True})


async def _process(request: Request, caller: Caller) -> Response:
    """Process a scan; if its body cannot be read, fail the scan whose id is at its beginning."""
    from functions.scan_processor_v2.work.scan import ScanCall, ScanProcessor  # noqa: PLC0415

    services, context = services_of(request), context_of(request)
    processor = ScanProcessor(services, caller, context.deadline)
    head = bytearray()
    try:
        body = await read_json(request, services.settings.max_body_bytes, head)
        scan_id = _scan_id(body)
    except NexscoutError as error:
        found = _SCAN_ID.search(head)
        if found is not None and (known := _uuid(found[1].decode())) is not None:
            await processor.refuse(known, error)
        raise
    context.fields["scan_id"] = scan_id
    scan_type, input_hash = _scan_type(body), body_hash(FUNCTION, body)
    reply = await processor.process(
        ScanCall(scan_id, scan_type, input_hash, lambda: parse(ScanRequest, body))
    )
    return JSONResponse(reply, 200 if "status" not in reply else 202)


def _scan_id(body: Mapping[str, Any]) -> UUID:
    sent = body.get("scanId")
    scan_id = _uuid(sent) if isinstance(sent, str) else None
    if scan_id is None:
        problem = "missing" if sent is None else "must be a UUID"
        raise InvalidRequest(
            f"Invalid field 'scanId': {problem}.", details=[{"field": "scanId", "message": problem}]
        )
    return scan_id


def _scan_type(body: Mapping[str, Any]) -> str:
    """Return the type; an invalid one is refused later, with the rest of the body."""
    sent = body.get("scanType")
    return sent if isinstance(sent, str) and sent in get_args(ScanType) else "text"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
