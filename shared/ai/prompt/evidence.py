"""Evidence: whether the data that a model saw contains the words that it quotes."""

import re
from collections.abc import Iterator
from typing import Any

_BETWEEN_WORDS = re.compile(r"[\W_]+")


class Evidence:
    """The words of a record; case, punctuation and spacing are ignored."""

    def __init__(self, record: object) -> None:
        self._texts = tuple(f" {_plain(text)} " for text in _values(record))
        self._labelled = frozenset(_plain(text) for text in _labelled_values(record))

    def holds(self, quote: str) -> bool:
        """Return whether the quote consists of whole words of one value, or of a whole value with its label."""
        words = _plain(quote)
        return bool(words) and (any(f" {words} " in text for text in self._texts) or words in self._labelled)


def _plain(text: str) -> str:
    return _BETWEEN_WORDS.sub(" ", text.casefold()).strip()


def _values(record: object) -> Iterator[str]:
    if isinstance(record, dict):
        for value in record.values():
            yield from _values(value)
    elif isinstance(record, list):
        for value in record:
            yield from _values(value)
    elif record is not None:
        yield str(record)


def _labelled_values(record: Any) -> Iterator[str]:  # noqa: ANN401  # any JSON
    if isinstance(record, dict):
        for label, value in record.items():
            yield from (f"{label} {text}" for text in _values(value))
            yield from _labelled_values(value)
    elif isinstance(record, list):
        for value in record:
            yield from _labelled_values(value)
