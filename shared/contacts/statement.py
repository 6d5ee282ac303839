"""Statements: values found in messages, with the words around them."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

WINDOW = 60

CORRECTION = re.compile(
    r"\b(?:sorry|oops|mali|typo|correction|corrected|actually|i mean|i meant|rather|instead|scratch that|wait"
    r"|dapat|pala|just kidding|kidding|joke|charot|new one|bago)\b",
    re.IGNORECASE,
)
ADDITION = re.compile(
    r"\b(?:also|other|another|alternate|alternative|alternatively|backup|second|secondary|or|rin|din|isa pa|landline"
    r"|office)\b",
    re.IGNORECASE,
)
NEGATION = re.compile(
    r"\b(?:not|isn['\u2019]?t|hindi|instead of|rather than|wag|huwag|don['\u2019]?t use"
    r"|(?<!years )(?<!year )(?<!yrs )(?<!yr )old|luma|lumang|dati|dating|previous)\b"
    r"(?:[ \t]+(?!(?:text|call|email|tawag|viber|use|gamitin|but|kundi)\b)[^\s,;:]+){0,4}[\s:]*$",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?:husband|wife|spouse|sister|brother|mom|mother|mama|dad|father|papa|son|daughter|friend|boss|manager|assistant"
    r"|secretary|agent|cousin|uncle|aunt|tita|tito|asawa|kapatid|anak|nanay|tatay|kaibigan|pinsan|boyfriend|girlfriend"
    r"|officemate|accountant|lawyer|colleague|neighbou?r|landlord|client|misis|mister|ninang|ninong|lola|lolo|ate|kuya|partner)\b(?:(?!\b(?:me|mine|i|ako|akin|text|call)\b)[^,;:]){0,40}$",
    re.IGNORECASE,
)
_STOP = re.compile(
    r"\b(?:stop|do(?:n['\u2019]?t| not)|never|wag|huwag)[ \t]+(?:na[ \t]+)?(?:e?-?mail|text|call|mag)\w*[^,;:]{0,30}$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(
    r"(?<!\bno)(?<!\bnos)(?<!\bmr)(?<!\bms)(?<!\bmrs)(?<!\bdr)[.!?;]\s|\n", re.IGNORECASE
)


class Span(NamedTuple):
    """The place of a value: the index of its message, and its characters from `start` to before `end`."""

    message: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the place it was read from; `span` is None for a value known from elsewhere."""

    value: str
    span: Span | None = None


@dataclass(frozen=True)
class Statement:
    """One candidate value in one message, with the words around it.

    `since` is the end of the previous statement: words before it belong to that one.
    """

    text: str
    value: str
    start: int
    end: int
    since: int = 0

    @cached_property
    def before(self) -> str:
        """Return the words of the same sentence before the value."""
        words = self.text[max(self.since, self.start - WINDOW) : self.start]
        return _SENTENCE_END.split(words)[-1]

    @cached_property
    def after(self) -> str:
        """Return the words of the same sentence after the value."""
        return _SENTENCE_END.split(self.text[self.end : self.end + WINDOW])[0]

    @property
    def corrects(self) -> bool:
        """Return whether the words say that this value replaces an earlier one."""
        words_before = self.text[max(self.since, self.start - WINDOW) : self.start]
        return bool(CORRECTION.search(words_before) or _CORRECTED_AFTER.match(self.after))

    @property
    def adds(self) -> bool:
        """Return whether the words offer this value in addition to an earlier one."""
        return not self.corrects and bool(ADDITION.search(self.before))

    @property
    def denied(self) -> bool:
        """Return whether the words say that this is not, or no longer, the value."""
        return bool(NEGATION.search(self.before) or _STOP.search(self.before))

    @property
    def about_another(self) -> bool:
        """Return whether the words before the value name a relative, friend or colleague as its owner."""
        return bool(_RELATIVE.search(self.before))

    def found(self, message: int) -> Found:
        """Return the value with its place."""
        return Found(self.value, Span(message, self.start, self.end))


_CORRECTED_AFTER = re.compile(r"[\s,]*(?:po\s+)?(?:dapat|pala|instead|not\b|hindi\b)", re.IGNORECASE)
