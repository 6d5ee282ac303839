"""Several people in one line, each named before a contact: "Ana Cruz 0917 …, at si Ben Tan 0918 …"."""

import re
from itertools import pairwise
from typing import NamedTuple

from functions.scan_processor_v2.reading.line_name import is_person
from shared.contacts.emails import listed_addresses
from shared.contacts.name_span import name_span
from shared.contacts.phones import listed_numbers

MAX_LETTERS = 2_000
"""A longer line is prose; searching it for pairs would take too long."""

_WINDOW = 60

# A capitalised name of two or more words directly before a possible contact; a line with two of them is analysed.
_PAIR = re.compile(
    r"\b[^\W\d_a-z][\w.'\u2019-]{0,24}(?:[ \t]+[\w.'\u2019-]{1,24}){1,4}[\s:,(<=|/\u2013\u2014-]{1,5}"
    r"(?=\+?\(?\d{2}|[\w.+-]{1,64}@\w)"
)
_BEHIND_NAME = re.compile(r"[\s:,(<=|/\u2013\u2014-]+$")
_WORD = re.compile(r"(?<![^\s(,;:/|])\S")
_JOINED = re.compile(
    r"(?:[\s,;/|&(<+\u2013\u2014-]|\b(?:and|at|si|sina|saka|tsaka|tapos|kay)\b)+$", re.IGNORECASE
)
# Words before a second contact of the same person.
_NO_NAMES = re.compile(
    r"\b(?:cell|cellphone|cp|home|house|landline|line|mobile|no|number|office|phone|tel|telephone|viber|work)\b",
    re.IGNORECASE,
)


class NamedPart(NamedTuple):
    """One of several people of a line: the name, and the part of the line about this person."""

    name: str
    words: str


class Contact(NamedTuple):
    """The place of a contact, and its kind."""

    start: int
    end: int
    kind: str


def people_apart(line: str) -> list[NamedPart]:
    """Return the people of a line that names two or more, each before a contact of one kind, else an empty list.

    Words before the first name belong to the first person.
    """
    if len(line) > MAX_LETTERS or len(_PAIR.findall(line)) < 2:  # noqa: PLR2004  # a line of one person is no list
        return []
    names = _names(line)
    if len(names) < 2:  # noqa: PLR2004  # as above
        return []
    cuts = [0, *(start for start, _ in names[1:]), len(line)]
    words = (_JOINED.sub("", line[start:end]) for start, end in pairwise(cuts))
    return [NamedPart(line[slice(*span)], part) for span, part in zip(names, words, strict=True)]


def _names(line: str) -> list[tuple[int, int]]:
    """Return the places of the names; a contact starts a new person only if the current one has such a contact."""
    names: list[tuple[int, int]] = []
    had: set[str] = set()
    behind = 0
    for contact in _contacts(line):
        span = _name_before(line, behind, contact.start)
        if span is not None and (not names or contact.kind in had):
            names.append(span)
            had.clear()
        had.add(contact.kind)
        behind = contact.end
    return names


def _contacts(line: str) -> list[Contact]:
    numbers = (Contact(found.start, found.end, "phone") for found in listed_numbers(line))
    addresses = (Contact(found.start, found.end, "email") for found in listed_addresses(line))
    return sorted([*numbers, *addresses])


def _name_before(line: str, behind: int, contact: int) -> tuple[int, int] | None:
    """Return the place of the full name that ends directly before a contact, or None."""
    gap = _BEHIND_NAME.search(line, behind, contact)
    end = contact if gap is None else gap.start()
    for word in _WORD.finditer(line, max(behind, end - _WINDOW), end):
        span = name_span(line, word.start()) if word.group().isupper() else None
        if span is not None and span[1] == end and _is_name(line[slice(*span)]):
            return span
    return None


def _is_name(words: str) -> bool:
    return is_person(words) and _NO_NAMES.search(words) is None
