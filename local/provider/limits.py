"""What the real provider accepts, stated here a second time and apart from `shared/`.

The shipped catalogue is tested against this table, so this table must not be read from it.
Sources (read 2026-11-22): https://platform.openai.com/docs/models (context window, max output tokens),
https://platform.openai.com/docs/guides/structured-outputs (schema support),
https://platform.openai.com/docs/guides/reasoning (sampling and `max_tokens` of reasoning models),
https://platform.claude.com/docs/en/api/openai-sdk (what Anthropic's compatible endpoint ignores).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one model: maximum tokens of context and output, and what it refuses."""

    snapshot: str
    context_tokens: int
    output_tokens: int
    json_schema: bool = True
    vision: bool = True
    reasoning: bool = False
    prompt_cache: bool = True
    ignores_response_format: bool = False


GPT_4O = Limits("gpt-4o-2024-08-06", 128_000, 16_384)
GPT_4O_MINI = Limits("gpt-4o-mini-2024-07-18", 128_000, 16_384)
GPT_35_TURBO = Limits(
    "gpt-3.5-turbo-0125", 16_385, 4_096, json_schema=False, vision=False, prompt_cache=False
)


def _gpt_41(name: str) -> Limits:
    return Limits(f"{name}-2025-04-14", 1_047_576, 32_768)


def _gpt_5(snapshot: str, context_tokens: int = 400_000) -> Limits:
    return Limits(snapshot, context_tokens, 128_000, reasoning=True)


def _claude(snapshot: str, context_tokens: int, output_tokens: int) -> Limits:
    return Limits(
        snapshot,
        context_tokens,
        output_tokens,
        json_schema=False,
        prompt_cache=False,
        ignores_response_format=True,
    )


MODELS: dict[str, Limits] = {
    "gpt-4o": GPT_4O,
    "gpt-4o-mini": GPT_4O_MINI,
    "gpt-4.1": _gpt_41("gpt-4.1"),
    "gpt-4.1-mini": _gpt_41("gpt-4.1-mini"),
    "gpt-4.1-nano": _gpt_41("gpt-4.1-nano"),
    "gpt-3.5-turbo": GPT_35_TURBO,
    "gpt-5": _gpt_5("gpt-5-2025-08-07"),
    "gpt-5-mini": _gpt_5("gpt-5-mini-2025-08-07"),
    "gpt-5-nano": _gpt_5("gpt-5-nano-2025-08-07"),
    "gpt-5.4": _gpt_5("gpt-5.4-2026-03-05", 1_050_000),
    "gpt-5.4-mini": _gpt_5("gpt-5.4-mini-2026-03-17"),
    "gpt-5.4-nano": _gpt_5("gpt-5.4-nano-2026-03-17"),
    "claude-haiku-4-5": _claude("claude-haiku-4-5-20251001", 200_000, 64_000),
    "claude-sonnet-4-5": _claude("claude-sonnet-4-5-20250929", 200_000, 64_000),
    "claude-sonnet-4-6": _claude("claude-sonnet-4-6", 1_000_000, 128_000),
    "claude-opus-4-6": _claude("claude-opus-4-6", 1_000_000, 128_000),
}


def find(model: str) -> Limits | None:
    """Return the limits of a model by its alias or dated snapshot; None where the provider has no such model."""
    by_alias = MODELS.get(model)
    if by_alias is not None:
        return by_alias
    return next((limits for limits in MODELS.values() if limits.snapshot == model), None)
