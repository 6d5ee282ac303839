"""The span of a person's name that starts at a given place."""

import re
from dataclasses import dataclass

from shared.contacts.name_words import (
    ABBREVIATIONS,
    AMBIGUOUS,
    BRANDS,
    COMPANY_ENDS,
    KIN,
    NOT_NAME_AFTER,
    NOT_NAMES,
    PARTICLES,
    PLACES,
    SUFFIXES,
    TITLES,
)

MAX_WORDS = 6
MAX_LOWER_CASE_WORDS = 4
_QUOTED = r"[\"\u201c][^\W\d_]+[\"\u201d]"
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_WORD_OR_NICKNAME = re.compile(f"{_QUOTED}|{_WORD.pattern}")
_GAP = re.compile(r"[ \t\u00a0]{0,3}")


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int
    dotted: bool

    @property
    def key(self) -> str:
        return self.text.lower()


def name_span(text: str, start: int, *, lower_case: bool = False) -> tuple[int, int] | None:
    """Return the span of the name that starts at `start`, without titles, or None if there is none.

    Words in lower case are a name only with `lower_case`, which is for places where only a name can stand.
    """
    words = _words(text, start)
    while words and words[0].key.replace("'", "").replace("\u2019", "") in TITLES:
        words = words[1:]
    if not words:
        return None
    if words[0].text[0].isupper():
        name = _capitalised(words, shouting=lower_case)
    else:
        name = _lower_case(words) if lower_case else []
    if not name or _is_something_else(name, words[len(name) : len(name) + 1]):
        return None
    return name[0].start, _end(name[-1])


def _words(text: str, start: int) -> list[_Word]:
    """Return the words from `start`, separated by spaces only, up to a full stop that marks no abbreviation."""
    words: list[_Word] = []
    position = start
    while len(words) <= MAX_WORDS:
        gap = _GAP.match(text, position)
        pattern = _WORD_OR_NICKNAME if words else _WORD
        match = pattern.match(text, gap.end() if gap else position)
        if match is None or (words and match.start() == position):
            break
        dotted = text.startswith(".", match.end())
        word = _Word(match.group().strip('"\u201c\u201d'), match.start(), match.end(), dotted)
        words.append(word)
        position = match.end() + dotted
        if dotted and not _abbreviates(word) and word.key not in TITLES:
            break
    return words


def _abbreviates(word: _Word) -> bool:
    return word.key in ABBREVIATIONS or (len(word.text) == 1 and word.text.isupper())


def _end(word: _Word) -> int:
    return word.end + (word.dotted and word.key in ABBREVIATIONS)


def _capitalised(words: list[_Word], *, shouting: bool) -> list[_Word]:
    """Return the leading words that are written as a name; words in capitals count only with `shouting`."""
    name: list[_Word] = []
    for word in words:
        if not (_is_name_word(word, shouting=shouting) or (name and word.key in PARTICLES | SUFFIXES)):
            break
        name.append(word)
    while name and (name[-1].text.islower() or (len(name[-1].text) == 1 and len(name) > 1)):
        name.pop()
    alone = len(name) == 1 and (name[0].text.isupper() or name[0].key in AMBIGUOUS)
    return name if shouting or not alone else []


def _is_name_word(word: _Word, *, shouting: bool) -> bool:
    if word.key in NOT_NAMES | BRANDS or not word.text[0].isupper():
        return False
    return shouting or not word.text.isupper() or len(word.text) <= 2 or word.key in SUFFIXES  # noqa: PLR2004  # JP, P.


def _lower_case(words: list[_Word]) -> list[_Word]:
    """Return the words up to the first that cannot be part of a name, or none if there are too many."""
    name: list[_Word] = []
    for word in words:
        if word.key in NOT_NAMES | BRANDS or len(word.text) == 1 or _is_verb_form(word.key):
            break
        name.append(word)
    while name and name[-1].key in PARTICLES:
        name.pop()
    return name if len(name) <= MAX_LOWER_CASE_WORDS else []


def _is_gerund(word: str) -> bool:
    return len(word) > len("Aling") and word.endswith("ing")


def _is_verb_form(word: str) -> bool:
    return _is_gerund(word) or (
        len(word) > len("jared") and word.endswith("ed") and not word.endswith(("med", "fred"))
    )


def _is_something_else(name: list[_Word], following: list[_Word]) -> bool:
    """Return whether the words are no name: a place, a company, a possessive (`Maria's sister`), a kind of person."""
    whole = " ".join(word.key for word in name)
    sentence = name[0].text[0].isupper() and _is_gerund(name[0].key)
    kin = len(name) == 1 and name[0].key in KIN
    possessive = any(word.key.endswith(("'s", "\u2019s")) for word in name)
    followed = any(word.key in NOT_NAME_AFTER for word in following)
    return (
        kin or sentence or possessive or followed or whole in PLACES or name[-1].key in COMPANY_ENDS - {"co"}
    )
