"""The fallback answer, for a visitor if no model answers: the owner's words if there are any."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

APOLOGY = "Pasensya na, I cannot answer right now. A person from our team will read your message and get back to you."

MIN_SHARED_WORDS = 2
_WORD = re.compile(r"\w{3,}")


def fallback_answer(message: str, training: Sequence[Mapping[str, Any]], away_message: str | None) -> str:
    """Return the training answer that matches the question, else the away message, else a short apology."""
    question = _words(message)
    best, shared = None, 0
    for pair in training:
        common = len(question & _words(str(pair["question"])))
        if common > shared:
            best, shared = pair, common
    if best is not None and shared >= min(MIN_SHARED_WORDS, len(_words(str(best["question"])))):
        return str(best["answer"])
    return away_message.strip() if away_message and away_message.strip() else APOLOGY


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
