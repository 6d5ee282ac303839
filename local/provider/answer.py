"""The simulated model's answer: from the prompt, within the output limit, changed by a fault."""

import json
from dataclasses import replace
from typing import Any

from local.provider import json_answer, prose, tokens
from local.provider.faults import Fault
from local.provider.limits import Limits
from local.provider.reading import Reading
from local.provider.wire import Answer

_REASONING_TOKENS = {"none": 0, "minimal": 0, "low": 64, "medium": 192, "high": 512, "xhigh": 1_024}
_REFUSAL = "I'm sorry, but I can't help with that request."


def answer(chat: dict[str, Any], model: Limits, fault: Fault | None) -> Answer:
    """Return the answer to a request that was not refused."""
    content = _dictated(chat, fault) or _content(chat, model)
    whole = Answer(content, reasoning_tokens=_reasoning(chat, model))
    return _spoil(_limit(whole, chat, model), fault)


def _dictated(chat: dict[str, Any], fault: Fault | None) -> str | None:
    """Return the text that a fault sets in place of the answer: its own text, or the system messages."""
    if fault is not None and fault.kind in {"say", "hang", "drip"}:
        return fault.message
    if fault is not None and fault.kind == "reveal":
        return "\n".join(str(turn["content"]) for turn in chat["messages"] if turn["role"] == "system")
    return None


def _content(chat: dict[str, Any], model: Limits) -> str:
    reading = Reading.of(chat["messages"])
    schema = _schema(chat, model, reading)
    if schema is not None:
        return json.dumps(json_answer.fill(schema, reading), ensure_ascii=False)
    text = prose.write(reading)
    as_json = _format(chat, model) == "json_object"
    return json.dumps({"message": text}, ensure_ascii=False) if as_json else text


def _schema(chat: dict[str, Any], model: Limits, reading: Reading) -> dict[str, Any] | None:
    """Return the schema of the answer: from the response format, else from the prompt."""
    if _format(chat, model) == "json_schema":
        schema: dict[str, Any] = chat["response_format"]["json_schema"]["schema"]
        return schema
    return json_answer.schema_in(reading.everything)


def _format(chat: dict[str, Any], model: Limits) -> str:
    if model.ignores_response_format:
        return "text"
    return str((chat.get("response_format") or {}).get("type", "text"))


def _reasoning(chat: dict[str, Any], model: Limits) -> int:
    return _REASONING_TOKENS.get(str(chat.get("reasoning_effort") or "medium"), 0) if model.reasoning else 0


def _limit(whole: Answer, chat: dict[str, Any], model: Limits) -> Answer:
    limit = chat.get("max_completion_tokens") or chat.get("max_tokens") or model.output_tokens
    reasoning = min(whole.reasoning_tokens, limit)
    kept = tokens.head(whole.text, limit - reasoning)
    if kept == whole.text:
        return whole
    return Answer(kept, "length", reasoning_tokens=reasoning)


def _spoil(whole: Answer, fault: Fault | None) -> Answer:
    match fault.kind if fault else None:
        case "content_filter":
            return replace(whole, content=_half(whole.text), finish_reason="content_filter")
        case "refusal":
            return replace(whole, content=None, refusal=(fault and fault.message) or _REFUSAL)
        case "length":
            return replace(whole, content=_half(whole.text), finish_reason="length")
        case "broken_schema":
            return replace(whole, content=json.dumps({"unexpected": _half(whole.text)}, ensure_ascii=False))
    return whole


def _half(text: str) -> str:
    return text[: len(text) // 2]
