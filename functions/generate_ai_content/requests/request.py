"""The call of a request, of whatever shape."""

from collections.abc import Mapping
from typing import Any

from functions.generate_ai_content.content_types import CONTENT_TYPES
from functions.generate_ai_content.content_types.content_task import ContentTask
from functions.generate_ai_content.content_types.message import MESSAGE_TYPES
from functions.generate_ai_content.requests.messages import messages_task
from functions.generate_ai_content.requests.prompt import prompt_task
from shared.ai import Call, Task
from shared.errors import InvalidRequest, Unauthorized, UnknownGenerationType
from shared.http.body import body_hash
from shared.http.validation import parse
from shared.supabase.auth import Caller

FUNCTION = "generate-ai-content"


def call_of(body: Mapping[str, Any], caller: Caller, idempotency_key: str | None) -> Call:
    """Return the call of a request body.

    Raises:
        NexscoutError: the body has no known shape, a field is invalid, or this caller may not use the shape.
    """
    task, payer = _task(body, caller)
    return Call(FUNCTION, payer, task, idempotency_key, body_hash(FUNCTION, body))


def _task(body: Mapping[str, Any], caller: Caller) -> tuple[Task, Caller]:
    """Return the task and who pays for it."""
    is_prompt = "prompt" in body and "messages" not in body and "generationType" not in body
    if is_prompt and caller.kind != "anonymous":
        return prompt_task(body, caller)
    if caller.user_id is None:
        raise Unauthorized
    if "messages" in body:
        return messages_task(body, caller), caller
    content = _content_type(body)
    return content(parse(content.request_model, body)), caller


def _content_type(body: Mapping[str, Any]) -> type[ContentTask[Any, Any]]:
    name = body.get("generationType")
    if name is None:
        raise InvalidRequest(
            "Missing field 'generationType', 'messages' or 'prompt'.",
            details=[{"field": "generationType", "message": "missing", "allowed": list(CONTENT_TYPES)}],
        )
    # `objection` is a content type and a message type: without an objection it is a message to the prospect.
    is_message = not (body.get("objection") or body.get("objectionType")) and body.get("prospectId")
    if name in MESSAGE_TYPES and (name not in CONTENT_TYPES or is_message):
        return CONTENT_TYPES["message"]
    if isinstance(name, str) and name in CONTENT_TYPES:
        return CONTENT_TYPES[name]
    allowed = list(dict.fromkeys([*CONTENT_TYPES, *MESSAGE_TYPES]))
    raise UnknownGenerationType(
        f"Unknown generationType. Allowed: {', '.join(allowed)}.",
        details=[{"field": "generationType", "message": "not one of the allowed values", "allowed": allowed}],
    )
