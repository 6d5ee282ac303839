"""Each request shape as one AI call: whatever a client sends is the same thing from here on."""

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from functions.generate_ai_content.content import (
    CONTENT_TYPES,
    MESSAGE_TYPES,
    PROMPT_LIMIT_BYTES,
    ContentType,
    build_messages,
    input_data,
)
from functions.generate_ai_content.schemas import (
    MAX_MESSAGES_BYTES,
    ContentRequest,
    FlatRequest,
    OrchestratorRequest,
)
from shared.ai.call import AICall, Generated, Generation
from shared.ai.selection import Wish
from shared.auth import Caller
from shared.errors import (
    FieldFault,
    Forbidden,
    InvalidRequest,
    PayloadTooLarge,
    UnknownAction,
    UnknownGenerationType,
)
from shared.log import log_event
from shared.validation import parse

FUNCTION = "generate-ai-content"
DEFAULT_OUTPUT_TOKENS = 2_000

# JSON around each message and the schema; the bound on a prompt must hold for the request as it is sent.
_OVERHEAD_BYTES = 64


def ai_call(body: Mapping[str, Any], caller: Caller, idempotency_key: str | None) -> AICall:
    """Give the call that a body asks for.

    Raises:
        NexscoutError: the body is of no shape, or a field of it is wrong.
    """
    body_hash = _body_hash(body)
    if "messages" in body:
        request = _orchestrator_request(body)
        _check_owner(request.config.user_id, caller)
        return _free_call(request, caller, idempotency_key, body_hash)
    return _content_call(body, caller, idempotency_key, body_hash)


def _orchestrator_request(body: Mapping[str, Any]) -> OrchestratorRequest:
    try:
        if "config" in body:
            return parse(OrchestratorRequest, body)
        return parse(FlatRequest, body).as_orchestrator()
    except InvalidRequest as error:
        raise _with_action_code(error) from error


def _with_action_code(error: InvalidRequest) -> InvalidRequest | UnknownAction:
    faults: list[FieldFault] = list(error.details) if isinstance(error.details, list) else []
    for fault in faults:
        if fault["field"] in {"config.action", "generationType"} and "allowed" in fault:
            return UnknownAction(error.message, details=faults)
    return error


def _check_owner(user_id: UUID | None, caller: Caller) -> None:
    if user_id is not None and str(user_id) != caller.user_id:
        raise Forbidden("config.userId must be the signed-in user.")


def _free_call(
    request: OrchestratorRequest, caller: Caller, idempotency_key: str | None, body_hash: str
) -> AICall:
    config = request.config
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    size = len(json.dumps(messages, ensure_ascii=False).encode())
    if size > MAX_MESSAGES_BYTES:
        raise PayloadTooLarge(f"The messages are too large: at most {MAX_MESSAGES_BYTES} bytes are taken.")
    if config.provider is not None:
        # The catalogue knows who serves a model; the field is data, not an order.
        log_event("request.provider_ignored", level=logging.DEBUG)
    return AICall(
        function_name=FUNCTION,
        action=config.action,
        caller=caller,
        wish=Wish(config.model, config.auto_select_model, config.allow_fallback, config.fallback_model),
        build=lambda _configuration, _prospect: messages,
        shape=_text_reply,
        prompt_limit_bytes=size + _OVERHEAD_BYTES,
        max_output_tokens=DEFAULT_OUTPUT_TOKENS if config.max_tokens is None else config.max_tokens,
        temperature=config.temperature,
        prospect_id=None if config.prospect_id is None else str(config.prospect_id),
        retries=config.retry_attempts,
        retry_delay_seconds=config.retry_delay / 1000,
        idempotency_key=idempotency_key,
        body_hash=body_hash,
        group_key=config.transaction_id,
        generation=Generation(config.action, {"shape": "orchestrator"}),
    )


def _content_call(
    body: Mapping[str, Any], caller: Caller, idempotency_key: str | None, body_hash: str
) -> AICall:
    content = _content_type(body.get("generationType"))
    request = parse(ContentRequest, body)
    return AICall(
        function_name=FUNCTION,
        action=content.action,
        caller=caller,
        wish=Wish(),
        build=lambda configuration, prospect: build_messages(content, request, configuration, prospect),
        shape=lambda generated: _content_reply(content, generated),
        prompt_limit_bytes=PROMPT_LIMIT_BYTES,
        max_output_tokens=content.max_output_tokens,
        temperature=content.temperature,
        structure=content.structure(),
        prompt_version=content.prompt.version,
        prospect_id=str(request.prospect_id),
        idempotency_key=idempotency_key,
        body_hash=body_hash,
        group_key=request.transaction_id,
        generation=Generation(content.name, input_data(request)),
    )


def _content_type(name: object) -> ContentType:
    if name is None:
        raise InvalidRequest(
            "Missing field 'generationType' or 'messages'.",
            details=[{"field": "generationType", "message": "missing", "allowed": list(CONTENT_TYPES)}],
        )
    kind = "message" if name in MESSAGE_TYPES else name
    if not isinstance(kind, str) or kind not in CONTENT_TYPES:
        allowed = [*CONTENT_TYPES, *MESSAGE_TYPES]
        raise UnknownGenerationType(
            f"Unknown generationType. Allowed: {', '.join(allowed)}.",
            details=[
                {"field": "generationType", "message": "not one of the allowed values", "allowed": allowed}
            ],
        )
    return CONTENT_TYPES[kind]


def _text_reply(generated: Generated) -> Mapping[str, Any]:
    return {
        "output": {"message": generated.text},
        "message": generated.text,
        "content": generated.text,
    }


def _content_reply(content: ContentType, generated: Generated) -> Mapping[str, Any]:
    output = generated.value or {}
    text = output["message"] if content.name == "message" else None
    return {"output": output, "message": text, "content": text}


def _body_hash(body: Mapping[str, Any]) -> str:
    """Give the hash of what is asked; how it is delivered (`stream`) is no part of it."""
    asked: dict[str, Any] = {name: value for name, value in body.items() if name != "stream"}
    if isinstance(asked.get("config"), dict):
        asked["config"] = {name: value for name, value in asked["config"].items() if name != "stream"}
    canonical = json.dumps([FUNCTION, asked], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
