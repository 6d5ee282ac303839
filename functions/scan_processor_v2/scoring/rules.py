"""Scores by rules, for blocks that no model scores.

The points are those of the old code: 50, plus 8 for each pain word, 10 for each opportunity word and 12 for each
urgency word in the record, at most 100. Confidence is 0.70 plus 0.05 for each kind of word.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from functions.scan_processor_v2.reading.details import Details, details_of
from functions.scan_processor_v2.reading.record import Item, Record

BASE = 50
MAX_SCORE = 100
CONFIDENCE = 70
CONFIDENCE_PER_KIND = 5
SNIPPET = 280

# Tagalog roots count inside derived forms (nahihirapan, magkautang); English words only as whole words, because of
# "now" in "know".
_PAIN = {
    "kailangan": r"\w*kailangan\w*",
    "need": r"need(?:s|ed|ing|y)?",
    "hirap": r"\w*hirap\w*",
    "kulang": r"\w*kulang\w*",
    "gastos": r"\w*gastos\w*",
    "bills": r"bills?",
    "utang": r"\w*utang\w*",
    "pagod": r"\w*pagod\w*",
    "stress": r"\w*stress\w*",
    "takot": r"\w*takot\w*",
}
_OPPORTUNITY = {
    "extra income": r"extra[ -]?income",
    "side hustle": r"side[ -]?hustles?",
    "business": r"business(?:es)?",
    "negosyo": r"\w*negosyo\w*",
    "opportunity": r"opportunit(?:y|ies)",
    "investment": r"investments?",
    "online": r"online",
    "wfh": r"wfh",
}
_URGENCY = {
    "ngayon": r"ngayong?",
    "now": r"now",
    "asap": r"asap",
    "urgent": r"urgent(?:ly)?",
    "soon": r"soon",
}
_OPPORTUNITY_TYPES = {
    "investment": "investment",
    "business": "business",
    "negosyo": "business",
    "extra income": "extra_income",
    "side hustle": "extra_income",
}


class Kind(NamedTuple):
    """One kind of words, with the points of each word."""

    name: str
    points: int
    words: dict[str, re.Pattern[str]]


def _patterns(words: dict[str, str]) -> dict[str, re.Pattern[str]]:
    return {word: re.compile(rf"\b{pattern}\b", re.IGNORECASE) for word, pattern in words.items()}


KINDS = (
    Kind("pain", 8, _patterns(_PAIN)),
    Kind("opportunity", 10, _patterns(_OPPORTUNITY)),
    Kind("urgency", 12, _patterns(_URGENCY)),
)


def rule_item(record: Record) -> Item | None:
    """Return the record's person with a score by rules, or None if it is about nobody. Never raises."""
    details = details_of(record)
    return _item(record, details) if details.anybody else None


def rule_items(records: Iterable[Record]) -> list[Item]:
    """Return the people of a block by rules, in the order of their records."""
    items = (rule_item(record) for record in records)
    return [item for item in items if item is not None]


def words_of(record: Record) -> str:
    """Return the words of a record: its fields that are no contacts, then its text."""
    fields = [record.fields[name] for name in ("position", "notes") if name in record.fields]
    return "\n".join([*fields, record.text]).strip()


def _item(record: Record, details: Details) -> Item:
    words = words_of(record)
    found = {kind.name: _found(kind, words) for kind in KINDS}
    signals = found["opportunity"] | found["urgency"]
    points = sum(kind.points * len(found[kind.name]) for kind in KINDS)
    kinds = sum(bool(spans) for spans in found.values())
    contacts = {name: quoted.words for name, quoted in details.found.items()}
    return Item(
        position=record.position,
        name=details.called.value,
        content=snippet(words) or details.called.words,
        score=min(MAX_SCORE, BASE + points),
        confidence=(CONFIDENCE + CONFIDENCE_PER_KIND * kinds) / 100,
        email=details.value("email"),
        phone=details.value("phone"),
        company=details.value("company"),
        top_factors=tuple(f"{kind}: {word}" for kind, spans in found.items() for word in spans),
        pain_points=tuple(found["pain"]),
        opportunity_type=next(
            (_OPPORTUNITY_TYPES[word] for word in signals if word in _OPPORTUNITY_TYPES), None
        ),
        signals=tuple(signals),
        keywords=tuple(found["pain"] | signals),
        evidence={"name": details.called.words} | contacts | _listed(found),
    )


def _found(kind: Kind, words: str) -> dict[str, str]:
    """Return the words of the kind that occur in the text, each with the form that occurs."""
    matches = {word: pattern.search(words) for word, pattern in kind.words.items()}
    return {word: match.group() for word, match in matches.items() if match is not None}


def _listed(found: dict[str, dict[str, str]]) -> dict[str, str]:
    pains, signals = found["pain"], found["opportunity"] | found["urgency"]
    lists = {
        "pain_points": pains,
        "signals": signals,
        "keywords": pains | signals,
        "top_factors": pains | signals,
    }
    return {
        f"{name}[{index}]": span for name, spans in lists.items() for index, span in enumerate(spans.values())
    }


def snippet(words: str) -> str:
    """Return the beginning of a text in one line, cut between words."""
    line = " ".join(words.split())
    if len(line) <= SNIPPET:
        return line
    return line[:SNIPPET].rsplit(" ", 1)[0] + "…"
