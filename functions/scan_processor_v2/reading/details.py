"""Name and contact details of the person in a record, each with the words it was read from."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from functions.scan_processor_v2.reading.line_name import NOT_PEOPLE, in_order, line_name
from functions.scan_processor_v2.reading.record import Record
from shared.contacts.companies import company_statements
from shared.contacts.emails import email_statements, listed_addresses
from shared.contacts.names import name_statements
from shared.contacts.phones import listed_numbers, phone_statements, valid_number
from shared.contacts.statement import Statement

_HEAD = 300

Reader = Callable[[str], Iterable[Statement]]

_NOTHING = frozenset(
    ["", "-", "--", "---", ".", "?", "n/a", "na", "none", "null", "nil", "wala", "unknown", "#n/a", "tbd"]
)
_HEADLINE = re.compile(
    r"^(?:works?[ \t]+(?:at|for)|working[ \t]+at|nagtatrabaho[ \t]+sa|founder[ \t]+of|owner[ \t]+of"
    r"|[A-Z][\w ,&/-]{1,50}?[ \t]+(?:at|@))[ \t]+(?P<company>[A-Z0-9][\w .,&'\u2019-]{1,60}?)[ \t]*$",
    re.MULTILINE,
)


class Quoted(NamedTuple):
    """A normalised value, and the words of the record it was read from."""

    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Details:
    """The person of a record by rules: phone as E.164, the e-mail's domain in lower case."""

    found: Mapping[str, Quoted] = field(default_factory=dict)

    def value(self, name: str) -> str | None:
        """Return one of name, email, phone and company, or None."""
        quoted = self.found.get(name)
        return None if quoted is None else quoted.value

    @property
    def anybody(self) -> bool:
        """Return whether the record is about a person: a name or a contact was found."""
        return any(name in self.found for name in ("name", "email", "phone"))

    @property
    def called(self) -> Quoted:
        """Return the person's name, else the company, else the contact; raise LookupError if there is nobody."""
        for name in ("name", "company", "email", "phone"):
            if name in self.found:
                return self.found[name]
        raise LookupError("the record is about nobody")


def details_of(record: Record) -> Details:
    """Return the details of a record by rules; its columns win over its text. Never raises."""
    found = {
        "name": _name(record),
        "email": _email(record),
        "phone": _phone(record),
        "company": _company(record),
    }
    return Details({name: quoted for name, quoted in found.items() if quoted is not None})


def filled(value: str | None) -> str | None:
    """Return a cell's words, or None if they mean that there is no value (NULL, n/a)."""
    tidy = " ".join((value or "").split())
    return None if tidy.casefold() in _NOTHING else tidy


def _name(record: Record) -> Quoted | None:
    fields = record.fields
    whole = filled(fields.get("name"))
    if whole is not None:
        return Quoted(in_order(whole), whole) if any(letter.isalpha() for letter in whole) else None
    parts = [filled(fields.get(part)) for part in ("first_name", "middle_name", "last_name")]
    parted = " ".join(part for part in parts if part is not None)
    if parted:
        return Quoted(parted, parted)
    return _leading(record) or _introduced(record.text)


def _introduced(text: str) -> Quoted | None:
    """Return the name of an introduction or a signature that can be a person's: «Wifi Password: 0917…» is none."""
    name = _first(name_statements, text)
    return None if name is None or not NOT_PEOPLE.isdisjoint(name.value.lower().split()) else name


def _leading(record: Record) -> Quoted | None:
    """Return the name at the beginning of a row's text, if it has no column for names."""
    name = line_name(record.text[:_HEAD], lower_case=False) if record.source == "row" else None
    return None if name is None else Quoted(name.value, record.text[name.start : name.end])


def _email(record: Record) -> Quoted | None:
    reader = email_statements if record.source == "message" else listed_addresses
    return _first(listed_addresses, record.fields.get("email", "")) or _first(reader, record.text)


def _phone(record: Record) -> Quoted | None:
    reader = phone_statements if record.source == "message" else listed_numbers
    return _cell_phone(record.fields.get("phone", "")) or _first(reader, record.text)


def phone_in(words: str) -> str | None:
    """Return the number in a cell as E.164, even if a spreadsheet has removed its zero or plus."""
    found = _cell_phone(words)
    return None if found is None else found.value


def _cell_phone(words: str) -> Quoted | None:
    bare = words.strip().lstrip("'=\"").rstrip('"')
    digits = re.sub(r"\D", "", bare)
    for candidate in (bare, bare.removeprefix("p:"), f"+{digits}" if digits.startswith("63") else ""):
        number = valid_number(candidate) if candidate else None
        if number is not None:
            return Quoted(number, words.strip())
    return _first(listed_numbers, words)


def _company(record: Record) -> Quoted | None:
    named = filled(record.fields.get("company"))
    if named is not None:
        return Quoted(named, named)
    headline = _HEADLINE.search(record.text)
    if headline is not None:
        return Quoted(headline["company"], headline["company"])
    return _first(company_statements, record.text)


def _first(reader: Reader, text: str) -> Quoted | None:
    for statement in chain(reader(text) if text else ()):
        return Quoted(statement.value, statement.text[statement.start : statement.end])
    return None
