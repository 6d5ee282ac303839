"""The task of the orchestrator shapes: the caller's own messages, answered as text."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from functions.generate_ai_content.requests.schemas import (
    MAX_MESSAGES_BYTES,
    FlatRequest,
    OrchestratorRequest,
)
from shared.ai import Generated, Generation, Limits, Material, Message, ModelPreference, Reading, Task
from shared.errors import FieldError, InvalidRequest, PayloadTooLarge, UnknownAction
from shared.http.validation import parse
from shared.log import log_event
from shared.supabase.auth import Caller, check_owner

DEFAULT_OUTPUT_TOKENS = 2_000

# JSON around the messages and the schema: the limit applies to the request as it is sent.
OVERHEAD_BYTES = 64


class MessagesTask(Task):
    """The caller's own messages, answered as text, with the caller's choice of model and retries."""

    def __init__(self, request: OrchestratorRequest) -> None:
        """Raise PayloadTooLarge if the messages exceed the limit of the shape."""
        config = request.config
        self._messages = [{"role": message.role, "content": message.content} for message in request.messages]
        self.action = config.action
        self.limits = Limits(
            sent_bytes(self._messages),
            DEFAULT_OUTPUT_TOKENS if config.max_tokens is None else config.max_tokens,
            retries=config.retry_attempts,
            retry_delay_seconds=config.retry_delay / 1000,
        )
        self.group_key = config.transaction_id
        self.reading = Reading(prospect_id=None if config.prospect_id is None else str(config.prospect_id))
        self.preference = ModelPreference(
            config.model, config.auto_select_model, config.allow_fallback, config.fallback_model
        )
        self.temperature = config.temperature
        self.generation = Generation(config.action, {"shape": "orchestrator"})

    def messages(self, material: Material) -> Sequence[Message]:
        """Return the messages of the request."""
        del material
        return self._messages

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the text."""
        return text_reply(generated)


def messages_task(body: Mapping[str, Any], caller: Caller) -> MessagesTask:
    """Return the task of a body with messages.

    Raises:
        NexscoutError: a field is invalid, or another user is named.
    """
    request = _request(body)
    check_owner("config.userId", request.config.user_id, caller)
    if request.config.provider is not None:
        # The catalogue decides the provider of a model.
        log_event("request.provider_ignored", level=logging.DEBUG)
    return MessagesTask(request)


def sent_bytes(messages: Sequence[Message]) -> int:
    """Return an upper bound of the prompt in bytes; raise PayloadTooLarge over the limit of the shape."""
    size = len(json.dumps(messages, ensure_ascii=False).encode())
    if size > MAX_MESSAGES_BYTES:
        raise PayloadTooLarge(f"The messages are too large: at most {MAX_MESSAGES_BYTES} bytes are taken.")
    return size + OVERHEAD_BYTES


def text_reply(generated: Generated) -> Mapping[str, Any]:
    """Return the task's fields of a reply with text."""
    return {
        "output": {"message": generated.text},
        "message": generated.text,
        "content": generated.text,
    }


def _request(body: Mapping[str, Any]) -> OrchestratorRequest:
    try:
        if "config" in body:
            return parse(OrchestratorRequest, body)
        return parse(FlatRequest, body).as_orchestrator()
    except InvalidRequest as error:
        raise _with_action_code(error) from error


def _with_action_code(error: InvalidRequest) -> InvalidRequest | UnknownAction:
    errors: list[FieldError] = list(error.details) if isinstance(error.details, list) else []
    for each in errors:
        if each["field"] in {"config.action", "generationType"} and "allowed" in each:
            return UnknownAction(error.message, details=errors)
    return error
