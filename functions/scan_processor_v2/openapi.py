"""The OpenAPI document of the function: its fixed part from openapi.json, its request from the code."""

from functools import cache
from pathlib import Path
from typing import Any

from functions.scan_processor_v2.schemas import ScanRequest
from shared.http.openapi import assembled, model_schemas

FIXED = Path(__file__).with_suffix(".json")

# What single blocks can meet is told in the reply: they are scored by rules then.
CODES_OF_OTHERS = {
    "unknown_generation_type",
    "unknown_action",
    "unknown_model",
    "unknown_price",
    "insufficient_energy",
    "insufficient_coins",
    "spend_cap_reached",
    "upgrade_required",
    "forbidden",
    "prospect_not_found",
    "session_not_found",
    "chatbot_not_found",
    "conversation_not_found",
    "request_not_found",
    "idempotency_conflict",
    "request_in_progress",
    "content_refused",
    "rate_limited",
    "provider_error",
    "provider_unavailable",
}


@cache
def document() -> dict[str, Any]:
    """Return the document; it is built when it is first asked for, so that no cold start waits for it."""
    return assembled(FIXED, model_schemas([ScanRequest]), CODES_OF_OTHERS)
