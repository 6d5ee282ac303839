"""Each request shape as one AI call: whatever a client sends is the same thing from here on."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions.generate_ai_content.content_types import CONTENT_TYPES
from functions.generate_ai_content.content_types.content_type import ContentType
from functions.generate_ai_content.content_types.message import MESSAGE_TYPES
from functions.generate_ai_content.requests.content import ContentCall
from functions.generate_ai_content.requests.messages import orchestrator_call
from functions.generate_ai_content.requests.prompt import prompt_call
from shared.ai.call import AICall, Generation
from shared.ai.models.selection import Wish
from shared.errors import InvalidRequest, Unauthorized, UnknownGenerationType
from shared.http.body import body_hash
from shared.http.validation import parse
from shared.supabase.auth import Caller

FUNCTION = "generate-ai-content"


def ai_call(body: Mapping[str, Any], caller: Caller, idempotency_key: str | None) -> AICall:
    """Return the call that a body asks for.

    Raises:
        NexscoutError: the body is of no shape, a field of it is wrong, or this caller may not ask in this shape.
    """
    call = _call(body, caller)
    return replace(call, idempotency_key=idempotency_key, body_hash=body_hash(FUNCTION, body))


def _call(body: Mapping[str, Any], caller: Caller) -> AICall:
    prompted = "prompt" in body and "messages" not in body and "generationType" not in body
    if prompted and caller.kind != "anonymous":
        return prompt_call(FUNCTION, body, caller)
    if caller.user_id is None:
        raise Unauthorized
    if "messages" in body:
        return orchestrator_call(FUNCTION, body, caller)
    return _content_call(body, caller)


def _content_call(body: Mapping[str, Any], caller: Caller) -> AICall:
    kind = _content_type(body)
    request = parse(kind.request, body)
    task = kind.task(request)
    content = ContentCall(kind.name, request, task)
    return AICall(
        function_name=FUNCTION,
        action=task.action,
        caller=caller,
        wish=Wish(),
        build=content.build,
        shape=content.shape,
        prompt_limit_bytes=content.prompt_limit_bytes(),
        max_output_tokens=task.max_output_tokens,
        temperature=task.temperature,
        structure=content.structure(),
        parts=content.parts(),
        prompt_version=task.prompt.version,
        prospect_id=None if request.prospect_id is None else str(request.prospect_id),
        paid_tiers_only=task.paid_sentence is not None,
        upgrade_sentence=task.paid_sentence,
        group_key=request.transaction_id,
        generation=Generation(kind.name, request.choices()),
    )


def _content_type(body: Mapping[str, Any]) -> ContentType[Any]:
    name = body.get("generationType")
    if name is None:
        raise InvalidRequest(
            "Missing field 'generationType', 'messages' or 'prompt'.",
            details=[{"field": "generationType", "message": "missing", "allowed": list(CONTENT_TYPES)}],
        )
    # One name is both: an objection that was not told is met by a message of that type to the prospect.
    untold = not (body.get("objection") or body.get("objectionType")) and body.get("prospectId")
    if name in MESSAGE_TYPES and (name not in CONTENT_TYPES or untold):
        return CONTENT_TYPES["message"]
    if isinstance(name, str) and name in CONTENT_TYPES:
        return CONTENT_TYPES[name]
    allowed = list(dict.fromkeys([*CONTENT_TYPES, *MESSAGE_TYPES]))
    raise UnknownGenerationType(
        f"Unknown generationType. Allowed: {', '.join(allowed)}.",
        details=[{"field": "generationType", "message": "not one of the allowed values", "allowed": allowed}],
    )
