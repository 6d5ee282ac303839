"""POST /v1/moderations: flags a few threats by their words, free of charge."""

import json
import secrets
import time
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp

from local.provider import refusals
from local.provider.chat import error_reply, fail
from local.provider.delivery import Buffered, Pace, Silence
from local.provider.refusal import RefusalError, bad
from local.provider.wire import encode

MODELS = ("omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-latest")
THREATS = ("papatayin kita", "i will kill you", "sasaktan kita")


async def create(request: Request) -> ASGIApp:
    """Judge one request; only faults whose `match` names this endpoint are used."""
    provider = request.app.state.provider
    raw = await request.body()
    entry = provider.journal.open(f"req_{secrets.token_hex(16)}", time.time(), raw)
    entry.endpoint = "moderations"
    try:
        refusals.check_key(request.headers.get("authorization", ""))
        texts, entry.model = _read(raw)
    except RefusalError as refusal:
        return error_reply(entry, refusal.status, refusal.error)
    fault = provider.faults.take(entry.body, named=True)
    if fault is not None and fault.kind == "status":
        return fail(entry, fault)
    if fault is not None and fault.kind == "hang":
        return Silence(entry, fault.seconds or None)
    results = [] if fault is not None else [_judged(text) for text in texts]
    reply = {"id": f"modr-{entry.id.removeprefix('req_')}", "model": entry.model, "results": results}
    return Buffered(200, encode(reply), Pace(), entry, {"x-request-id": entry.id})


def _read(raw: bytes) -> tuple[list[str], str]:
    try:
        asked = json.loads(raw)
    except ValueError:
        asked = None
    given = asked.get("input") if isinstance(asked, dict) else None
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise bad(
            "Invalid type for 'input': expected a string or an array of strings.", "input", "invalid_type"
        )
    model = asked.get("model", MODELS[0])
    if model not in MODELS:
        raise bad(f"The model `{model}` does not exist.", "model", "model_not_found")
    return texts, model


def _judged(text: str) -> dict[str, Any]:
    flagged = any(threat in text.lower() for threat in THREATS)
    return {
        "flagged": flagged,
        "categories": {"violence": flagged},
        "category_scores": {"violence": 0.98 if flagged else 0.01},
        "category_applied_input_types": {"violence": ["text"]},
    }
