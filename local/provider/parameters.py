"""The real provider's checks of single parameters: sampling, output limit, response format."""

from typing import Any

from local.provider import tokens
from local.provider.limits import Limits
from local.provider.refusal import bad
from local.provider.strict import check_schema

_HOTTEST = 2


def check_sampling(chat: dict[str, Any], model: Limits) -> None:
    """Refuse stream options without a stream, a temperature out of range, or one that the model does not accept."""
    if chat.get("stream_options") is not None and not chat.get("stream"):
        raise bad(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options"
        )
    warmth = chat.get("temperature")
    if warmth is None:
        return
    if type(warmth) not in {int, float} or not 0 <= warmth <= _HOTTEST:
        message = f"Invalid 'temperature': expected a decimal between 0 and 2, but got {warmth} instead."
        raise bad(message, "temperature", "decimal_above_max_value")
    if model.reasoning and warmth != 1:
        message = f"Unsupported value: 'temperature' does not support {warmth} with this model."
        raise bad(f"{message} Only the default (1) value is supported.", "temperature", "unsupported_value")


def check_output_limit(chat: dict[str, Any], model: Limits) -> None:
    """Refuse both limits at once, the wrong one for the model, or more tokens than the model can write."""
    names = ("max_tokens", "max_completion_tokens")
    limits = {name: chat[name] for name in names if chat.get(name) is not None}
    if len(limits) > 1:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise bad(message, "max_tokens", "invalid_parameter_combination")
    if model.reasoning and "max_tokens" in limits:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model."
        raise bad(f"{message} Use 'max_completion_tokens' instead.", "max_tokens", "unsupported_parameter")
    for name, value in limits.items():
        _check_limit(name, value, model.output_tokens)


def _check_limit(name: str, value: object, most: int) -> None:
    if type(value) is not int or value < 1:
        raise bad(f"Invalid '{name}': integer below minimum value.", name, "integer_below_min_value")
    if value > most:
        message = f"{name} is too large: {value}. This model supports at most {most} completion tokens, "
        raise bad(f"{message}whereas you provided {value}.", name, "invalid_value")


def check_format(chat: dict[str, Any], model: Limits) -> None:
    """Refuse a format that is unknown, that the model does not support, or whose prompt or schema is wrong."""
    wanted = chat.get("response_format") or {"type": "text"}
    kind = wanted.get("type")
    if kind not in ("text", "json_object", "json_schema"):  # It may be unhashable.
        raise bad(f"Invalid value: '{kind}'.", "response_format.type", "invalid_value")
    if model.ignores_response_format:
        return
    if kind == "json_object" and "json" not in _all_text(chat).lower():
        message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type"
        raise bad(f"{message} 'json_object'.", "messages")
    if kind == "json_schema":
        _check_schema_format(wanted, model)


def _check_schema_format(wanted: dict[str, Any], model: Limits) -> None:
    if not model.json_schema:
        message = (
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
        )
        guide = "https://platform.openai.com/docs/guides/structured-outputs"
        raise bad(f"{message} See the Structured Outputs guide: {guide}", "response_format")
    complaint = check_schema(wanted.get("json_schema"))
    if complaint is not None:
        raise bad(complaint, "response_format")


def _all_text(chat: dict[str, Any]) -> str:
    return "\n".join(tokens.text_of(message) for message in chat["messages"])
