"""The tokens of one attempt, as the provider reports them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one attempt; cached and cache-writing ones are part of the prompt, reasoning ones of the completion.

    Raises ValueError for a count that is negative or no integer, or a part that is larger than its whole.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 0:
                raise ValueError(f"{field.name} must be an integer of at least 0, not {value!r}")
        if self.cached_tokens + self.cache_write_tokens > self.prompt_tokens:
            raise ValueError("cached and cache-writing tokens are part of the prompt's")
        if self.reasoning_tokens > self.completion_tokens:
            raise ValueError("reasoning tokens are part of the completion's")

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


def usage_from_openai(payload: object) -> Usage | None:
    """Return the `usage` object of a chat completion, or None if it is missing or contradicts itself.

    None means unknown, and unknown usage is billed at its upper bound. An explicit zero is a known zero.
    Beside OpenAI's own form it reads: null or absent details (Anthropic's compatible endpoint, Mistral),
    DeepSeek's `prompt_cache_hit_tokens`, and xAI's reasoning tokens, which its completion tokens do not include.
    """
    if not isinstance(payload, Mapping):
        return None
    prompt_details = _details(payload, "prompt_tokens_details")
    cached = prompt_details.get("cached_tokens")
    try:
        return Usage(
            prompt_tokens=_count(payload["prompt_tokens"]),
            completion_tokens=_completion(payload),
            cached_tokens=_part(payload.get("prompt_cache_hit_tokens") if cached is None else cached),
            reasoning_tokens=_part(_details(payload, "completion_tokens_details").get("reasoning_tokens")),
            cache_write_tokens=_part(prompt_details.get("cache_write_tokens")),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _details(payload: Mapping[str, object], name: str) -> Mapping[str, object]:
    details = payload.get(name)
    return details if isinstance(details, Mapping) else {}


def _part(value: object) -> int:
    """Return a part, 0 if it is not reported; the two totals must be reported."""
    return 0 if value is None else _count(value)


def _count(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"a count of tokens is an integer, not {value!r}")
    return value


def _completion(payload: Mapping[str, object]) -> int:
    """Return the billed completion: xAI bills reasoning in addition, which its total shows."""
    prompt, completion = _count(payload["prompt_tokens"]), _count(payload["completion_tokens"])
    reasoning = _part(_details(payload, "completion_tokens_details").get("reasoning_tokens"))
    apart = reasoning > 0 and payload.get("total_tokens") == prompt + completion + reasoning
    return completion + reasoning if apart else completion
