"""The control API: queue faults, list requests, reset."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.provider.faults import Fault
from local.provider.state import State


async def add_faults(request: Request) -> Response:
    """POST /control/faults {"faults": [...]}: append to the queue; 400 for an unknown fault."""
    state = _state(request)
    try:
        state.faults.add([Fault.parse(raw) for raw in _faults(await request.body())])
    except (ValueError, TypeError) as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    return JSONResponse({"waiting": len(state.faults)})


async def reset(request: Request) -> Response:
    """DELETE /control: forget faults, requests and cached prompts."""
    _state(request).clear()
    return Response(status_code=204)


async def list_requests(request: Request) -> Response:
    """GET /control/requests[?bodies=1]: the requests since the last reset, oldest first."""
    rows = _state(request).journal.rows(bodies=request.query_params.get("bodies") == "1")
    return JSONResponse(rows)


def _faults(body: bytes) -> list[dict[str, Any]]:
    wanted = json.loads(body)
    faults = wanted.get("faults") if isinstance(wanted, dict) else None
    if not isinstance(faults, list) or not all(isinstance(fault, dict) for fault in faults):
        raise ValueError('the body is {"faults": [{"kind": ...}, ...]}')
    return faults


def _state(request: Request) -> State:
    state: State = request.app.state.provider
    return state
