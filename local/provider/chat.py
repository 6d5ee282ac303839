"""POST /v1/chat/completions: refuse, use a fault, answer."""

import json
import secrets
import time
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp

from local.provider import refusals, tokens
from local.provider.delivery import Buffered, Headers, Pace, Silence, Streamed
from local.provider.faults import Fault
from local.provider.journal import Entry
from local.provider.refusal import RefusalError, bad
from local.provider.reply import Call, body, complete, script
from local.provider.state import State
from local.provider.wire import encode

_ERROR_TYPES = {429: "requests", 500: "server_error", 502: "server_error", 503: "server_error"}
_ERROR_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


async def create(request: Request) -> ASGIApp:
    """Answer one request as the real endpoint would, or as the next fault says."""
    state: State = request.app.state.provider
    raw = await request.body()
    entry = state.journal.open(f"req_{secrets.token_hex(16)}", time.time(), raw)
    try:
        refusals.check_key(request.headers.get("authorization", ""))
        call = _read(raw, entry)
    except RefusalError as refusal:
        return error_reply(entry, refusal.status, refusal.error)
    fault = state.faults.take(entry.body)
    if fault is None:
        return _deliver(call, state)
    entry.fault = fault.kind
    if fault.kind == "status":
        return fail(entry, fault)
    if fault.kind == "hang" and fault.after_chunks is None:
        return Silence(entry, fault.seconds or None)
    return _deliver(call.failing(fault), state)


def _read(raw: bytes, entry: Entry) -> Call:
    chat = _parse(raw)
    entry.model, entry.stream = chat.get("model"), bool(chat.get("stream"))
    model = refusals.check_request(chat)
    entry.prompt_tokens = tokens.count_prompt(chat["messages"], chat.get("response_format"))
    refusals.check_context(chat, model, entry.prompt_tokens)
    return Call(chat, model, entry)


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        chat = json.loads(raw)
    except ValueError:
        chat = None
    if not isinstance(chat, dict):
        raise bad("We could not parse the JSON body of your request.")
    return chat


def _deliver(call: Call, state: State) -> ASGIApp:
    call.entry.status = 200
    completion = complete(call, state.prompt_cache)
    pace, headers = Pace.of(call.fault), _headers(call.entry)
    if call.entry.stream:
        return Streamed(script(completion, call), pace, call.entry, headers)
    return Buffered(200, body(completion, call.fault), pace, call.entry, headers)


def fail(entry: Entry, fault: Fault) -> ASGIApp:
    """Return the error reply of a fault."""
    error = {
        "message": fault.message or f"The simulated provider was told to answer {fault.status}.",
        "type": _ERROR_TYPES.get(fault.status, "invalid_request_error"),
        "param": None,
        "code": fault.code or _ERROR_CODES.get(fault.status),
    }
    retry = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    return error_reply(entry, fault.status, error, retry)


def error_reply(entry: Entry, status: int, error: dict[str, Any], headers: Headers | None = None) -> ASGIApp:
    """Return an error in the real provider's format."""
    entry.status = status
    return Buffered(status, encode({"error": error}), Pace(), entry, _headers(entry) | (headers or {}))


def _headers(entry: Entry) -> Headers:
    return {"x-request-id": entry.id, "openai-version": "2020-10-01"}
