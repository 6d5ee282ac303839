"""What the real provider refuses before it answers, with its messages, statuses and codes."""

from typing import Any

from local.provider import limits
from local.provider.limits import Limits
from local.provider.parameters import check_format, check_output_limit, check_sampling
from local.provider.refusal import RefusalError, bad

_NAMES = """
audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages
metadata modalities model n parallel_tool_calls prediction presence_penalty prompt_cache_key
prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream
stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options
"""
_ROLES = ("developer", "system", "user", "assistant", "tool", "function")
PARAMETERS = frozenset(_NAMES.split())


def check_key(authorization: str) -> None:
    """Refuse a request without a key (401), or with a key whose name says that it is wrong."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise RefusalError(401, "You didn't provide an API key in an Authorization header.")
    if key.startswith("sk-invalid"):
        raise RefusalError(401, "Incorrect API key provided: sk-inv****.", code="invalid_api_key")


def check_request(chat: dict[str, Any]) -> Limits:
    """Return the limits of the requested model if the provider would serve this request; raises RefusalError."""
    unknown = sorted(set(chat) - PARAMETERS)
    if unknown:
        raise bad(f"Unrecognized request argument supplied: {unknown[0]}")
    for name in ("response_format", "stream_options"):
        if not isinstance(chat.get(name, {}), dict | None):
            raise bad(f"Invalid type for '{name}': expected an object.", name, "invalid_type")
    model = _find_model(chat.get("model"))
    _check_messages(chat.get("messages"), model)
    check_sampling(chat, model)
    check_output_limit(chat, model)
    check_format(chat, model)
    _check_unbuilt(chat)
    return model


def check_context(chat: dict[str, Any], model: Limits, prompt_tokens: int) -> None:
    """Refuse a prompt that does not fit into the model's context together with the requested output."""
    asked = chat.get("max_completion_tokens") or chat.get("max_tokens") or 0
    if prompt_tokens + asked <= model.context_tokens:
        return
    said = f"your messages resulted in {prompt_tokens} tokens. Please reduce the length of the messages."
    if asked and prompt_tokens <= model.context_tokens:
        said = (
            f"you requested {prompt_tokens + asked} tokens ({prompt_tokens} in the messages, {asked} in the "
            "completion). Please reduce the length of the messages or completion."
        )
    message = f"This model's maximum context length is {model.context_tokens} tokens. However, {said}"
    raise bad(message, "messages", "context_length_exceeded")


def _find_model(name: object) -> Limits:
    if name is None:
        raise bad("you must provide a model parameter")
    model = limits.find(str(name))
    if model is None:
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise RefusalError(404, message, code="model_not_found")
    return model


def _check_messages(messages: object, model: Limits) -> None:
    if messages is None:
        raise bad("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not isinstance(messages, list) or not all(_is_message(message) for message in messages):
        raise bad("Invalid type for 'messages': expected an array of objects.", "messages", "invalid_type")
    if not messages:
        expected = "Expected an array with minimum length 1, but got an empty array instead."
        raise bad(f"Invalid 'messages': empty array. {expected}", "messages", "empty_array")
    if not model.vision and any(_has_image(message) for message in messages):
        raise bad("Invalid content type. image_url is only supported by certain models.", "messages")


def _is_message(message: object) -> bool:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        return False
    content = message.get("content")
    if isinstance(content, list):
        return all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in content)
    return isinstance(content, str) or (content is None and message["role"] == "assistant")


def _has_image(message: dict[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(part.get("type") == "image_url" for part in content)


def _check_unbuilt(chat: dict[str, Any]) -> None:
    choices = chat.get("n")
    if (choices is not None and choices != 1) or chat.get("tools") or chat.get("functions"):
        raise bad("The simulated provider gives one choice and calls no tools.", None, "not_simulated")
