"""Prompt caching as the real provider does it: long prefixes seen before, in steps of 128 tokens from 1,024.

Source: https://platform.openai.com/docs/guides/prompt-caching (read 2026-11-22). A block of 128 tokens counts as
512 bytes, so that a prefix can be recognised without a vocabulary.
"""

import hashlib

_BLOCK_TOKENS = 128
_BLOCK_BYTES = 512
_LEAST_TOKENS = 1_024


class PromptCache:
    """The prefixes of all prompts so far, separate for each model."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def cached_tokens(self, model: str, prompt: bytes, prompt_tokens: int) -> int:
        """Return how many of the prompt's tokens were in an earlier prompt's prefix; remember this prompt."""
        marks = self._marks(model, prompt)
        known = next((index for index, mark in enumerate(marks) if mark not in self._seen), len(marks))
        self._seen.update(marks)
        cached = min(known, prompt_tokens // _BLOCK_TOKENS) * _BLOCK_TOKENS
        return cached if cached >= _LEAST_TOKENS else 0

    def clear(self) -> None:
        """Forget every prefix."""
        self._seen.clear()

    def _marks(self, model: str, prompt: bytes) -> list[bytes]:
        if len(prompt) < _BLOCK_BYTES * _LEAST_TOKENS // _BLOCK_TOKENS:
            return []
        digest, marks = hashlib.sha256(model.encode()), []
        for start in range(0, len(prompt) - _BLOCK_BYTES + 1, _BLOCK_BYTES):
            digest.update(prompt[start : start + _BLOCK_BYTES])
            marks.append(digest.digest())
        return marks
