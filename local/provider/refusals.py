"""What the real provider refuses, in its words, statuses and codes."""

from typing import Any

from local.provider import limits, tokens
from local.provider.limits import Limits
from local.provider.strict import check_schema

PARAMETERS = frozenset(
    [
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    ]
)
_HOTTEST = 2


class RefusalError(Exception):
    """A request that the provider turns down, as it goes over the wire."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}


def check_key(authorization: str) -> None:
    """Refuse a request without a key (401), or with one that says of itself that it is wrong."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise RefusalError(
            401, "You didn't provide an API key. You need to provide your API key in an Authorization header."
        )
    if key.startswith("sk-invalid"):
        raise RefusalError(401, "Incorrect API key provided: sk-inv****.", code="invalid_api_key")


def check_request(chat: dict[str, Any]) -> Limits:
    """The limits of the asked model, when the provider would serve this request. Raises RefusalError."""
    unknown = sorted(set(chat) - PARAMETERS)
    if unknown:
        raise _bad(f"Unrecognized request argument supplied: {unknown[0]}", None)
    model = limits.find(str(chat.get("model", "")))
    if model is None:
        raise _no_model(chat.get("model"))
    _check_messages(chat, model)
    _check_sampling(chat, model)
    _check_output_limit(chat, model)
    _check_format(chat, model)
    _check_unbuilt(chat)
    return model


def check_context(chat: dict[str, Any], model: Limits, prompt_tokens: int) -> None:
    """Refuse a prompt that leaves no room in the model's context for itself and the asked output."""
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
    raise _bad(message, "messages", "context_length_exceeded")


def _bad(message: str, param: str | None, code: str | None = None) -> RefusalError:
    return RefusalError(400, message, param=param, code=code)


def _no_model(name: object) -> RefusalError:
    if name is None:
        return _bad("you must provide a model parameter", None)
    message = f"The model `{name}` does not exist or you do not have access to it."
    return RefusalError(404, message, code="model_not_found")


def _check_messages(chat: dict[str, Any], model: Limits) -> None:
    messages = chat.get("messages")
    if messages is None:
        raise _bad("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise _bad("Invalid type for 'messages': expected an array of objects.", "messages", "invalid_type")
    if not messages:
        raise _bad(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            "messages",
            "empty_array",
        )
    if not model.vision and any(_has_image(message) for message in messages):
        raise _bad("Invalid content type. image_url is only supported by certain models.", "messages")


def _has_image(message: dict[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(part.get("type") == "image_url" for part in content)


def _check_sampling(chat: dict[str, Any], model: Limits) -> None:
    if chat.get("stream_options") is not None and not chat.get("stream"):
        raise _bad(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options"
        )
    temperature = chat.get("temperature")
    if temperature is None:
        return
    if not isinstance(temperature, int | float) or not 0 <= temperature <= _HOTTEST:
        raise _bad(
            f"Invalid 'temperature': expected a decimal between 0 and 2, but got {temperature} instead.",
            "temperature",
            "decimal_above_max_value",
        )
    if model.reasoning and temperature != 1:
        raise _bad(
            f"Unsupported value: 'temperature' does not support {temperature} with this model. "
            "Only the default (1) value is supported.",
            "temperature",
            "unsupported_value",
        )


def _check_output_limit(chat: dict[str, Any], model: Limits) -> None:
    asked = {
        name: chat[name] for name in ("max_tokens", "max_completion_tokens") if chat.get(name) is not None
    }
    if len(asked) > 1:
        raise _bad(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
            "invalid_parameter_combination",
        )
    if model.reasoning and "max_tokens" in asked:
        raise _bad(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    for name, value in asked.items():
        if not isinstance(value, int) or value < 1:
            raise _bad(f"Invalid '{name}': integer below minimum value.", name, "integer_below_min_value")
        if value > model.output_tokens:
            raise _bad(
                f"{name} is too large: {value}. This model supports at most {model.output_tokens} completion tokens, "
                f"whereas you provided {value}.",
                name,
                "invalid_value",
            )


def _check_format(chat: dict[str, Any], model: Limits) -> None:
    wanted = chat.get("response_format") or {"type": "text"}
    kind = wanted.get("type")
    if kind not in {"text", "json_object", "json_schema"}:
        raise _bad(f"Invalid value: '{kind}'.", "response_format.type", "invalid_value")
    if model.ignores_response_format:
        return
    if kind == "json_object" and "json" not in _all_text(chat).lower():
        raise _bad(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        )
    if kind == "json_schema":
        _check_schema_format(wanted, model)


def _check_schema_format(wanted: dict[str, Any], model: Limits) -> None:
    if not model.json_schema:
        raise _bad(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn more "
            "about supported models at the Structured Outputs guide: "
            "https://platform.openai.com/docs/guides/structured-outputs",
            "response_format",
        )
    fault = check_schema(wanted.get("json_schema"))
    if fault is not None:
        raise _bad(fault, "response_format")


def _all_text(chat: dict[str, Any]) -> str:
    return "\n".join(tokens.text_of(message) for message in chat["messages"])


def _check_unbuilt(chat: dict[str, Any]) -> None:
    if chat.get("n") not in (None, 1) or chat.get("tools") or chat.get("functions"):
        raise _bad("The simulated provider gives one choice and calls no tools.", None, "not_simulated")
