"""POST /v1/chat/completions: refuse, take a fault, answer, and bill."""

import json
import secrets
import time
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp

from local.provider import refusals, tokens
from local.provider.answering import answer
from local.provider.delivery import Buffered, Pace, Script, Silence, Streamed, encode
from local.provider.faults import Fault
from local.provider.journal import Entry
from local.provider.limits import Limits
from local.provider.refusals import RefusalError
from local.provider.state import State
from local.provider.wire import Answer, Completion, event, pieces, usage

_ERROR_TYPES = {401: "invalid_request_error", 429: "requests", 500: "server_error", 503: "server_error"}
_ERROR_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


async def complete(request: Request) -> ASGIApp:
    """Answer one request as the real endpoint would, or as a waiting fault wants."""
    state: State = request.app.state.provider
    body = await request.body()
    entry = state.journal.open(f"req_{secrets.token_hex(16)}", time.time(), body)
    try:
        refusals.check_key(request.headers.get("authorization", ""))
        chat = _parse(body)
        entry.model, entry.stream = chat.get("model"), bool(chat.get("stream"))
        model = refusals.check_request(chat)
        entry.prompt_tokens = tokens.count_prompt(chat["messages"], chat.get("response_format"))
        refusals.check_context(chat, model, entry.prompt_tokens)
    except RefusalError as refusal:
        return _error(entry, refusal.status, refusal.error)
    fault = state.faults.take(entry.body)
    entry.fault = fault.kind if fault else None
    return _deliver(state, entry, chat, model, fault)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        chat = json.loads(body)
    except ValueError:
        chat = None
    if not isinstance(chat, dict):
        raise RefusalError(400, "We could not parse the JSON body of your request.")
    return chat


def _deliver(state: State, entry: Entry, chat: dict[str, Any], model: Limits, fault: Fault | None) -> ASGIApp:
    entry.status = 200
    if fault and fault.kind == "status":
        return _fail(entry, fault)
    if fault and fault.kind == "hang" and fault.after_chunks is None:
        return Silence(entry, fault.seconds or None)
    completion = _completion(state, entry, chat, model, fault)
    if entry.stream:
        wanted = bool((chat.get("stream_options") or {}).get("include_usage"))
        return Streamed(
            _script(completion, fault, include_usage=wanted), Pace.of(fault), entry, _headers(entry)
        )
    return Buffered(200, _buffered(completion, fault), Pace.of(fault), entry, _headers(entry))


def _completion(
    state: State, entry: Entry, chat: dict[str, Any], model: Limits, fault: Fault | None
) -> Completion:
    said = answer(chat, model, fault)
    entry.completion_tokens = tokens.count(said.text) + said.reasoning_tokens
    return Completion(
        id=f"chatcmpl-{entry.id.removeprefix('req_')}",
        model=model.snapshot,
        created=int(entry.at),
        answer=said,
        usage=_usage(state, entry, chat, model, said, fault),
    )


def _usage(
    state: State, entry: Entry, chat: dict[str, Any], model: Limits, said: Answer, fault: Fault | None
) -> dict[str, Any] | None:
    if fault and fault.kind == "no_usage":
        return None
    if fault and fault.kind == "usage":
        return fault.usage
    cached = 0
    if model.prompt_cache:
        prompt = json.dumps(chat["messages"], ensure_ascii=False).encode()
        cached = state.prompt_cache.cached_tokens(model.snapshot, prompt, entry.prompt_tokens)
    used = usage(entry.prompt_tokens, entry.completion_tokens, cached, said.reasoning_tokens)
    if model.ignores_response_format:
        # Anthropic's compatible endpoint documents both details objects as always empty.
        used |= {"prompt_tokens_details": None, "completion_tokens_details": None}
    return used


def _script(completion: Completion, fault: Fault | None, *, include_usage: bool) -> Script:
    kind = fault.kind if fault else None
    texts = pieces(completion.answer.text, fault.count if fault else None)
    deltas = [(text, completion.delta(text, include_usage=include_usage)) for text in texts]
    if kind == "malformed":
        deltas = [*deltas[:1], ("", b'data: {"id":"chatcmpl-\n\n')]
    if kind == "empty_choices":
        deltas = []
    opening = completion.opening(include_usage=include_usage)
    closing = completion.closing(include_usage=include_usage)
    if kind == "empty_choices":
        empty = {**json.loads(opening.removeprefix(b"data: ")), "choices": []}
        opening, closing = event(empty), closing[1:]
    return Script(opening, deltas, closing)


def _buffered(completion: Completion, fault: Fault | None) -> bytes:
    payload = completion.payload()
    if fault and fault.kind == "empty_choices":
        payload["choices"] = []
    body = encode(payload)
    return body[: len(body) // 2] if fault and fault.kind == "malformed" else body


def _fail(entry: Entry, fault: Fault) -> ASGIApp:
    error = {
        "message": fault.message or f"The simulated provider was told to answer {fault.status}.",
        "type": _ERROR_TYPES.get(fault.status, "invalid_request_error"),
        "param": None,
        "code": fault.code or _ERROR_CODES.get(fault.status),
    }
    retry = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    return _error(entry, fault.status, error, retry)


def _error(
    entry: Entry, status: int, error: dict[str, Any], headers: dict[str, str] | None = None
) -> ASGIApp:
    entry.status = status
    return Buffered(status, encode({"error": error}), Pace(), entry, _headers(entry) | (headers or {}))


def _headers(entry: Entry) -> dict[str, str]:
    return {"x-request-id": entry.id, "openai-version": "2020-10-01"}
