"""Scores of programs that read contact details, on the hand-written conversations."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import phonenumbers

from functions.public_chatbot_chat.lead.contact import find_lead

FIELDS = ("name", "email", "phone", "company")
Part = Literal["tuning", "held_out"]
Values = Mapping[str, str]
Reader = Callable[[Sequence[str]], Values]


@dataclass(frozen=True)
class Conversation:
    """A visitor's messages and the values that a careful person finds in them."""

    about: str
    part: Part
    messages: list[str]
    expected: dict[str, str]


@dataclass(frozen=True)
class Score:
    """How often a reader was right about one field; `made_up` counts values where the visitor gave none."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    made_up: int = 0

    @property
    def precision(self) -> float:
        """Return the share of returned values that are right; 1 where none was returned."""
        found = self.right + self.wrong
        return self.right / found if found else 1.0

    @property
    def recall(self) -> float:
        """Return the share of existing values that were found; 1 where there are none."""
        there = self.right + self.missed
        return self.right / there if there else 1.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        counted = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / counted if counted else 1.0


def conversations(*parts: Part) -> list[Conversation]:
    """Return the conversations of the named parts, or all."""
    written = json.loads((Path(__file__).parent / "conversations.json").read_text())
    return [Conversation(**one) for one in written if not parts or one["part"] in parts]


def score(reader: Reader, field: str, chats: Sequence[Conversation]) -> Score:
    """Return a reader's score on one field; for the regexes a first name is enough, as they look only for that."""
    right = wrong = missed = made_up = 0
    for chat in chats:
        found, expected = reader(chat.messages).get(field), chat.expected.get(field)
        if reader is plain_regexes and field == "name" and found and expected:
            expected = expected.split()[0]
        right += found is not None and found == expected
        wrong += found is not None and found != expected
        missed += expected is not None and found != expected
        made_up += found is not None and expected is None
    return Score(right, wrong, missed, made_up)


def our_rules(messages: Sequence[str]) -> Values:
    """Read with the rules under test."""
    lead = find_lead(messages)
    fields = {field: getattr(lead, field) for field in FIELDS}
    return {field: found.value for field, found in fields.items() if found is not None}


def plain_regexes(messages: Sequence[str]) -> Values:
    """Read with the usual expressions of such chatbots: the first match counts."""
    patterns = {
        "name": r"(?:I'm|my name is|ako si)\s+([A-Z]\w+)",
        "email": r"([\w.-]+@[\w.-]+\.\w+)",
        "phone": r"(\+?\d[\d\s-]{7,})",
    }
    text = "\n".join(messages)
    matches = {field: re.search(pattern, text) for field, pattern in patterns.items()}
    values = {field: match[1].strip() for field, match in matches.items() if match is not None}
    return values | ({"phone": _in_one_form(values["phone"])} if "phone" in values else {})


def table(chats: Sequence[Conversation]) -> str:
    """Return a line of figures for each field and reader."""
    return "\n".join(_lines(chats))


def _lines(chats: Sequence[Conversation]) -> Iterator[str]:
    yield f"{'field':8} {'reader':8} right wrong missed made-up precision recall    F1"
    for field in FIELDS:
        for name, reader in (("rules", our_rules), ("regexes", plain_regexes)):
            s = score(reader, field, chats)
            yield (
                f"{field:8} {name:8} {s.right:5} {s.wrong:5} {s.missed:6} {s.made_up:7}"
                f" {s.precision:9.3f} {s.recall:6.3f} {s.f1:5.3f}"
            )


def _in_one_form(number: str) -> str:
    """Return a number in the form of the expected ones, so that a regex is not blamed for its form."""
    try:
        parsed = phonenumbers.parse(number, "PH")
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
