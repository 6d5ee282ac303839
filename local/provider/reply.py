"""The reply of a call that is served: its completion with the usage, as one body or as a stream."""

import json
from dataclasses import dataclass, replace
from typing import Any

from local.provider import tokens
from local.provider.answer import answer
from local.provider.cache import PromptCache
from local.provider.delivery import Script
from local.provider.faults import Fault
from local.provider.journal import Entry
from local.provider.limits import Limits
from local.provider.wire import Answer, Completion, encode, event, pieces, usage

_TORN_EVENT = b'data: {"id":"chatcmpl-\n\n'


@dataclass(frozen=True)
class Call:
    """A request that is not refused, its entry in the journal, and the fault that it uses."""

    chat: dict[str, Any]
    model: Limits
    entry: Entry
    fault: Fault | None = None

    def failing(self, fault: Fault) -> "Call":
        """Return the same call with a fault."""
        return replace(self, fault=fault)

    @property
    def fault_kind(self) -> str | None:
        """Return the kind of its fault, if it has one."""
        return self.fault.kind if self.fault else None


def complete(call: Call, cache: PromptCache) -> Completion:
    """Return the answer and its usage, and write the tokens into the entry."""
    said = answer(call.chat, call.model, call.fault)
    call.entry.completion_tokens = tokens.count(said.text) + said.reasoning_tokens
    return Completion(
        id=f"chatcmpl-{call.entry.id.removeprefix('req_')}",
        model=call.model.snapshot,
        created=int(call.entry.at),
        answer=said,
        usage=_bill(call, said, cache),
    )


def _bill(call: Call, said: Answer, cache: PromptCache) -> dict[str, Any] | None:
    if call.fault_kind == "no_usage":
        return None
    if call.fault and call.fault_kind == "usage":
        return call.fault.usage
    cached = _cached_tokens(call, cache) if call.model.prompt_cache else 0
    bill = usage(call.entry.prompt_tokens, call.entry.completion_tokens, cached, said.reasoning_tokens)
    if call.model.ignores_response_format:
        # Anthropic's compatible endpoint documents both details objects as always empty.
        return bill | {"prompt_tokens_details": None, "completion_tokens_details": None}
    return bill


def _cached_tokens(call: Call, cache: PromptCache) -> int:
    prompt = json.dumps(call.chat["messages"], ensure_ascii=False).encode("utf-8", "replace")
    return cache.cached_tokens(call.model.snapshot, prompt, call.entry.prompt_tokens)


def script(completion: Completion, call: Call) -> Script:
    """Return the events of the stream, changed by the fault."""
    wanted = bool((call.chat.get("stream_options") or {}).get("include_usage"))
    texts = pieces(completion.answer.text, call.fault.count if call.fault else None)
    whole = Script(
        completion.opening(include_usage=wanted),
        [(text, completion.delta(text, include_usage=wanted)) for text in texts],
        completion.closing(include_usage=wanted),
    )
    if call.fault_kind == "malformed":
        return replace(whole, deltas=[*whole.deltas[:1], ("", _TORN_EVENT)])
    if call.fault_kind == "empty_choices":
        chunk = json.loads(whole.opening.removeprefix(b"data: "))
        return Script(event(chunk | {"choices": []}), [], whole.closing[1:])
    return whole


def body(completion: Completion, fault: Fault | None) -> bytes:
    """Return the buffered reply, changed by the fault."""
    payload = completion.payload()
    if fault and fault.kind == "empty_choices":
        payload["choices"] = []
    whole = encode(payload)
    return whole[: len(whole) // 2] if fault and fault.kind == "malformed" else whole
