"""The name at the beginning of a line about a person: "1. Maria Santos — …", "• ana cruz - …", "Cruz, Ana: …"."""

import re
from typing import NamedTuple

from shared.contacts.name_span import name_span
from shared.contacts.name_words import PARTICLES, PLACES, TITLES


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# Words at the beginning of lists and posts that are written like names but are none.
NOT_PEOPLE = _words("""
    prospect prospects list lists listing lead leads customers clients friends friend contacts members total
    subtotal amount balance order orders invoice receipt payment payments price prices pricelist fee fees
    promo sale discount free extra income part full time job jobs hiring hire work wfh homebased position
    vacancy apply merry christmas birthday anniversary congratulations congrats announcement announcements
    reminder reminders update updates note notes notice zoom meeting meetings webinar orientation training
    schedule agenda event events topic date time venue where location link join register follow followup hot
    warm cold status remarks real estate house lot condo unit units insurance investment loan loans business
    negosyo opportunity package packages starter kit delivery shipping pickup cod cash gcash bank transfer
    tracking waybill policy batch group page post comment comments photo photos video attachment sticker
    missed call chat chats message messages voice unread seen reply replies like likes share shares january
    february march july august september october november december password wifi username account address
    number mobile cellphone age gender birthdate nationality religion occupation proposal deadline building
    """)
MAX_WORDS = 6

# List marks: bullets, ticks, arrows, emoji, and numbers with a full stop or a bracket.
_MARK = re.compile(r"(?:[^\w\s+(\"@#'=\u201c]+\s*|\(?\d{1,4}[.)]\s+|#\s?\d{1,4}\s+)*")
_CLEAR = re.compile(
    r"\s*[-\u2013\u2014:|/;,<(=~\u2192>]+\s*|\s*\.{2,}|\s+(?=[+(]?\d[\d\s().-]{6,}|[\w.+-]+@\w)"
)
_CONTACT_FIRST = re.compile(
    r"[\W_]*(?:[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[\d\s().-]{9,20}(?<=\d)\)?)[\s\W_]+(?=[^\W\d_])"
)
_COMMA = re.compile(r"\s*,\s*")
_BOUND = re.compile(r"\s*(?:$|[-\u2013\u2014:|/;<(]|,(?!\s*(?:jr|sr)\b))", re.IGNORECASE)


class LineName(NamedTuple):
    """A name at the beginning of a line: given names first, its place, and whether the line has nothing else."""

    value: str
    start: int
    end: int
    alone: bool


def line_name(line: str, *, lower_case: bool = True) -> LineName | None:
    """Return the name of two or more words at the beginning of a line, after list marks, or None.

    A name in lower case counts only with `lower_case`, and only before punctuation or a contact.
    """
    mark = _MARK.match(line)
    start = mark.end() if mark else 0
    start += line.startswith(('"', "\u201c"), start)
    span = name_span(line, start, lower_case=True)
    if span is None:
        return None
    behind = span[1] + line.startswith(('"', "\u201d"), span[1])
    flipped = _surname_first(line, span)
    if flipped is not None:
        return flipped
    name = line[slice(*span)]
    clear = bool(_CLEAR.match(line, behind))
    alone = not line[behind:].strip(" .!\t")
    if not is_person(name) or not (name[0].isupper() or (lower_case and clear)):
        return None
    return LineName(" ".join(name.split()), span[0], behind, alone)


def name_behind_contact(line: str) -> LineName | None:
    """Return the name after a contact at the beginning of a line, or None: "0917 123 4567 - Maria Santos"."""
    contact = _CONTACT_FIRST.match(line)
    name = line_name(line[contact.end() :]) if contact is not None else None
    if contact is None or name is None:
        return None
    return LineName(name.value, contact.end() + name.start, contact.end() + name.end, alone=False)


def _surname_first(line: str, span: tuple[int, int]) -> LineName | None:
    surname, comma = line[slice(*span)], _COMMA.match(line, span[1])
    *before, last = surname.lower().split()
    if comma is None or not surname[0].isupper() or not PARTICLES.issuperset(before) or last in PARTICLES:
        return None
    given_names = name_span(line, comma.end(), lower_case=True)
    if given_names is None or not line[given_names[0]].isupper() or not _BOUND.match(line, given_names[1]):
        return None
    value = f"{line[slice(*given_names)]} {surname}"
    if not is_person(value):
        return None
    return LineName(" ".join(value.split()), span[0], given_names[1], not line[given_names[1] :].strip())


def is_person(name: str) -> bool:
    """Return whether words written like a name can be a person's: two or more, and none that is used in headings."""
    words = [word.strip(".\"'").lower() for word in name.split()]
    return (
        2 <= len(words) <= MAX_WORDS  # noqa: PLR2004  # one word alone is as often something else
        and NOT_PEOPLE.isdisjoint(words)
        and name.lower() not in PLACES
    )


def in_order(name: str) -> str:
    """Return a cell's name without titles, the given names first: "Cruz, Ana" is Ana Cruz; "Cruz, Jr." stays."""
    words = name.split()
    while len(words) > 1 and words[0].strip(".,").casefold() in TITLES:
        words.pop(0)
    name = " ".join(words)
    surname, comma, given_names = name.partition(",")
    if not comma or "," in given_names or not given_names.strip():
        return name
    if given_names.strip(" .").lower() in {"jr", "sr", "ii", "iii", "iv", "md", "rn", "cpa"}:
        return name
    return f"{given_names.strip()} {surname.strip()}"
