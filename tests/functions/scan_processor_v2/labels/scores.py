"""Scores of the rules, and of the old regular expressions, on the hand-written scan inputs."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from functions.scan_processor_v2.reading.record import Record
from functions.scan_processor_v2.reading.table import csv_records
from functions.scan_processor_v2.reading.text import text_records
from functions.scan_processor_v2.scoring.rules import rule_items
from shared.contacts.emails import valid_address
from shared.contacts.phones import valid_number

FIELDS = ("name", "email", "phone", "company")
Part = Literal["tuning", "held_out"]
Person = Mapping[str, str]


@dataclass(frozen=True)
class Input:
    """A pasted or uploaded input, and the people that a careful person finds in it, in order."""

    about: str
    part: Part
    kind: Literal["text", "csv"]
    lines: list[str]
    expected: list[dict[str, str]]

    @property
    def text(self) -> str:
        """Return the whole input."""
        return "\n".join(self.lines)

    def records(self) -> list[Record]:
        """Return the records that the code under test reads."""
        return list(text_records(self.text) if self.kind == "text" else csv_records(self.text.encode()))


Reader = Callable[[Input], Sequence[Person]]


@dataclass(frozen=True)
class Score:
    """How often a reader was right about one field: each value counts as often as it is in the input."""

    right: int = 0
    returned: int = 0
    existing: int = 0

    @property
    def precision(self) -> float:
        """Return the share of returned values that are right; 1 where none was returned."""
        return self.right / self.returned if self.returned else 1.0

    @property
    def recall(self) -> float:
        """Return the share of existing values that were found; 1 where there are none."""
        return self.right / self.existing if self.existing else 1.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        return 2 * self.right / (self.returned + self.existing) if self.returned + self.existing else 1.0


def inputs(*parts: Part) -> list[Input]:
    """Return the inputs of the named parts, or all."""
    written = json.loads((Path(__file__).parent / "labels.json").read_text("utf-8"))
    return [Input(**one) for one in written if not parts or one["part"] in parts]


def score(reader: Reader, field: str, given: Sequence[Input]) -> Score:
    """Return a reader's score on one field over the inputs."""
    right = returned = existing = 0
    for one in given:
        found, expected = _values(reader(one), field), _values(one.expected, field)
        right += (found & expected).total()
        returned += found.total()
        existing += expected.total()
    return Score(right, returned, existing)


def linked(reader: Reader, given: Sequence[Input]) -> Score:
    """Return how often a whole person is right: name and contacts together."""
    right = returned = existing = 0
    for one in given:
        found, expected = Counter(map(_person, reader(one))), Counter(map(_person, one.expected))
        right += (found & expected).total()
        returned += found.total()
        existing += expected.total()
    return Score(right, returned, existing)


def _values(people: Sequence[Person], field: str) -> Counter[str]:
    return Counter(person[field] for person in people if person.get(field))


def _person(person: Person) -> tuple[str | None, ...]:
    return tuple(person.get(field) for field in ("name", "email", "phone"))


def our_rules(given: Input) -> list[Person]:
    """Read with the rules under test; a person named by a contact or a company has no name."""
    people: list[Person] = []
    for item in rule_items(given.records()):
        values = {field: getattr(item, field) for field in FIELDS}
        if item.name in {item.email, item.phone, item.company}:
            values["name"] = None
        people.append({field: value for field, value in values.items() if value is not None})
    return people


def plain_regexes(given: Input) -> list[Person]:
    """Read with the old expressions: a line «Name Surname - text», and the usual ones for contacts."""
    return [person for line in given.text.splitlines() if (person := _plain_person(line))]


def _plain_person(line: str) -> dict[str, str]:
    named = re.match(r"^([A-Z][a-z]+(?:\s+[A-Z][a-z]+){1,4})\s*[-\u2013\u2014:]\s*(.+)$", line)
    email = re.search(r"[\w.+-]+@[\w-]+\.[\w.]+", line)
    phone = re.search(r"\+?\d[\d\s-]{7,}\d", line)
    values = {
        "name": named[1] if named else None,
        "email": (valid_address(email[0]) or email[0]) if email else None,
        "phone": (valid_number(phone[0]) or phone[0]) if phone else None,
    }
    return {field: value for field, value in values.items() if value is not None}


READERS: tuple[tuple[str, Reader], ...] = (("rules", our_rules), ("regexes", plain_regexes))


def table(given: Sequence[Input], readers: Sequence[tuple[str, Reader]] = READERS) -> str:
    """Return a line of figures for each field and reader."""
    return "\n".join(_lines(given, readers))


def _lines(given: Sequence[Input], readers: Sequence[tuple[str, Reader]]) -> Iterator[str]:
    yield f"{'field':8} {'reader':8} right returned existing precision recall    F1"
    for field in (*FIELDS, "person"):
        for name, reader in readers:
            s = linked(reader, given) if field == "person" else score(reader, field, given)
            yield (
                f"{field:8} {name:8} {s.right:5} {s.returned:8} {s.existing:8} "
                f"{s.precision:9.3f} {s.recall:6.3f} {s.f1:5.3f}"
            )
