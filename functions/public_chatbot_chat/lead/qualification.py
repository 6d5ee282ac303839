"""The scores of a visitor, by points for words: computed by rules, never by a model.

Only whole words count ("priceless" is no price), in the listed forms, in upper or lower case; each rule counts once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

EmotionalState = Literal["Excited", "Curious", "Concerned", "Interested", "Neutral"]

LONG_TEXT_CHARACTERS = 300
POINTS = 100


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that applied, its points of 100, and the words it matched, if it is a rule about words."""

    rule: str
    points: int
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Qualification:
    """The scores from 0 to 1 in steps of 0.01, their reasons, and the emotional state."""

    qualification: float
    buying_intent: float
    emotional_state: EmotionalState
    qualification_reasons: tuple[Reason, ...]
    buying_reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class _WordRule:
    rule: str
    points: int
    words: re.Pattern[str]

    def reason(self, text: str) -> Reason | None:
        matched = tuple(dict.fromkeys(match.group().lower() for match in self.words.finditer(text)))
        return Reason(self.rule, self.points, matched) if matched else None


def _words(*forms: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w])(?:{'|'.join(forms)})(?![\w])", re.IGNORECASE)


_PRICE = ("prices?", "pricing", "costs?", "magkano", "how much", "presyo", r"hm(?=[ \t]*(?:po\b|\?))")
_DEMO = ("demos?", "demonstration", "presentations?")
_BUY = (
    "buy",
    "buying",
    "purchase",
    "purchasing",
    "bili",
    "bibili",
    "bilhin",
    "bibilhin",
    "bumili",
    "makabili",
)
_INTEREST = ("interested", "intrested", "interesado", "interesada", "gusto")
_SCHEDULE = (
    "(?:pa|mag|magpa)?-?sched(?:ule)?s?",
    "appointments?",
    "booking",
    "book an?",
    "(?:pa|mag|magpa)-?book",
    "meeting",
    "can we meet",
    "set a call",
    "iskedyul",
)

_QUALIFICATION_RULES = (
    _WordRule("price", 15, _words(*_PRICE)),
    _WordRule("demo", 20, _words(*_DEMO)),
    _WordRule("buying", 25, _words(*_BUY)),
    _WordRule("interest", 10, _words(*_INTEREST, "want", "wants")),
    _WordRule("scheduling", 20, _words(*_SCHEDULE)),
)
_BUYING_RULES = (
    _WordRule("buying", 30, _words(*_BUY, "orders?", "ordering", "umorder", "mag-?order", "pa-?order")),
    _WordRule("price", 20, _words(*_PRICE)),
    _WordRule("timing", 15, _words("when", "how soon", "kailan", "kelan")),
    _WordRule("demo", 20, _words(*_DEMO, "trials?")),
    _WordRule("interest", 10, _words(*_INTEREST)),
    _WordRule("learning", 5, _words("tell me more", "learn", "learn more", "alamin", "matuto")),
)

# By priority: a worry about a scam makes a visitor concerned, whatever else is in the message.
_STATES: tuple[tuple[EmotionalState, re.Pattern[str]], ...] = (
    (
        "Concerned",
        _words(
            "scam",
            "worried",
            "worry",
            "concerned",
            "concern",
            "afraid",
            "scared",
            "risky",
            "risk",
            "legit",
            "not sure",
            "doubt",
            "expensive",
            "too much",
            "takot",
            "natatakot",
            "nag-?aalala",
            "duda",
            "mahal",
            "ang mahal",
            "budol",
        ),
    ),
    (
        "Excited",
        _words(
            "excited",
            "amazing",
            "awesome",
            "wow",
            "love it",
            "love this",
            "can['\u2019]?t wait",
            "great",
            "ang galing",
            "galing",
            "sulit",
            "excited na",
            "ang ganda",
            "sign me up",
        ),
    ),
    ("Interested", _words(*_INTEREST, *_BUY, *_DEMO, "want", "sali", "sumali", "join")),
    (
        "Curious",
        re.compile(
            r"[?\uff1f]|(?<!\w)(?:how|what|why|when|curious|paano|ano|bakit|kailan|magkano|tell me more)(?!\w)",
            re.IGNORECASE,
        ),
    ),
)


def qualify(messages: Sequence[str]) -> Qualification:
    """Return a visitor's scores and state, from all of the visitor's messages in order. Deterministic; never raises."""
    text = "\n".join(messages)
    qualification_reasons = (*_length_reasons(messages, text), *_word_reasons(_QUALIFICATION_RULES, text))
    buying_reasons = _word_reasons(_BUYING_RULES, text)
    return Qualification(
        qualification=_as_share(qualification_reasons),
        buying_intent=_as_share(buying_reasons),
        emotional_state=emotional_state(messages),
        qualification_reasons=qualification_reasons,
        buying_reasons=buying_reasons,
    )


def emotional_state(messages: Sequence[str]) -> EmotionalState:
    """Return the state of the newest message that has one, or Neutral."""
    for message in reversed(messages):
        for state, words in _STATES:
            if words.search(message):
                return state
    return "Neutral"


def _length_reasons(messages: Sequence[str], text: str) -> tuple[Reason, ...]:
    count = sum(1 for message in messages if message.strip())
    found = {
        Reason("three_messages", 10): count >= 3,  # noqa: PLR2004  # the rule's own numbers
        Reason("five_messages", 10): count >= 5,  # noqa: PLR2004
        Reason("long_text", 10): sum(map(len, messages)) > LONG_TEXT_CHARACTERS,
        Reason("question", 5, ("?",)): "?" in text or "\uff1f" in text,
    }
    return tuple(reason for reason, applies in found.items() if applies)


def _word_reasons(rules: Sequence[_WordRule], text: str) -> tuple[Reason, ...]:
    reasons = (rule.reason(text) for rule in rules)
    return tuple(reason for reason in reasons if reason is not None)


def _as_share(reasons: Sequence[Reason]) -> float:
    return min(POINTS, sum(reason.points for reason in reasons)) / POINTS
