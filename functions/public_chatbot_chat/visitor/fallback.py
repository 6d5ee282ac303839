"""What a visitor is told when no model answers: honest words, from the owner's own where there are some."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

APOLOGY = "Pasensya na, I cannot answer right now. A person from our team will read your message and get back to you."

LEAST_SHARED_WORDS = 2
_WORD = re.compile(r"\w{3,}")


def fallback_answer(message: str, training: Sequence[Mapping[str, Any]], away_message: str | None) -> str:
    """Return the training answer that fits the question, else the away message, else a short apology."""
    asked = _words(message)
    best, shared = None, 0
    for pair in training:
        common = len(asked & _words(str(pair["question"])))
        if common > shared:
            best, shared = pair, common
    if best is not None and shared >= min(LEAST_SHARED_WORDS, len(_words(str(best["question"])))):
        return str(best["answer"])
    return away_message.strip() if away_message and away_message.strip() else APOLOGY


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
