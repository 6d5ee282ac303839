"""The format of replies: a completion as one object, or as the chunks of a stream."""

import json
import re
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"\s*\S+\s*$|\s*\S+")
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Answer:
    """The model's text and why it stopped. Exactly one of content and refusal is a text."""

    content: str | None
    finish_reason: str = "stop"
    refusal: str | None = None
    reasoning_tokens: int = 0

    @property
    def text(self) -> str:
        """Return the text to stream."""
        return self.content if self.content is not None else self.refusal or ""


def usage(prompt: int, completion: int, cached: int, reasoning: int) -> dict[str, Any]:
    """Return the usage object of the chat endpoint; `reasoning` is part of `completion`, `cached` of `prompt`."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def pieces(text: str, count: int | None = None) -> list[str]:
    """Return the text cut into the deltas of a stream: words, or exactly `count` parts (the last may be empty)."""
    if count is None:
        return _WORD.findall(text)
    size = max(1, -(-len(text) // count))
    return [text[start : start + size] for start in range(0, size * count, size)]


@dataclass(frozen=True)
class Completion:
    """One answer and all fields of its reply. `usage` None omits the usage, as a fault may require."""

    id: str
    model: str
    created: int
    answer: Answer
    usage: dict[str, Any] | None

    def payload(self) -> dict[str, Any]:
        """Return the reply of a buffered call."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self.answer.content,
            "refusal": self.answer.refusal,
            "annotations": [],
        }
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self.answer.finish_reason,
        }
        said = {} if self.usage is None else {"usage": self.usage}
        return self._envelope("chat.completion") | {"choices": [choice]} | said

    def opening(self, *, include_usage: bool) -> bytes:
        """Return the first event of a stream: the role and no text yet."""
        field = self._field()
        first = {"role": "assistant", "content": "" if field == "content" else None, "refusal": None}
        return self._event(first, None, include_usage=include_usage)

    def delta(self, piece: str, *, include_usage: bool) -> bytes:
        """Return an event with a piece of the text."""
        return self._event({self._field(): piece}, None, include_usage=include_usage)

    def closing(self, *, include_usage: bool) -> list[bytes]:
        """Return the last events: why it stopped, the usage if requested, and the end mark."""
        events = [self._event({}, self.answer.finish_reason, include_usage=include_usage)]
        if include_usage and self.usage is not None:
            chunk = self._envelope("chat.completion.chunk") | {"choices": [], "usage": self.usage}
            events.append(event(chunk))
        return [*events, DONE]

    def _field(self) -> str:
        return "content" if self.answer.refusal is None else "refusal"

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": "fp_simulated",
        }

    def _event(self, delta: dict[str, Any], finish_reason: str | None, *, include_usage: bool) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        chunk = self._envelope("chat.completion.chunk") | {"choices": [choice]}
        return event(chunk | {"usage": None} if include_usage else chunk)


def event(chunk: dict[str, Any]) -> bytes:
    """Return one server-sent event."""
    return b"data: " + encode(chunk) + b"\n\n"


def encode(payload: dict[str, Any]) -> bytes:
    """Return compact JSON; a lone surrogate of the prompt becomes a question mark."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
