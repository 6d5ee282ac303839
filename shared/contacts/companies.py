"""Companies that a visitor works for or owns, as stated in a message."""

import re
from collections.abc import Iterator

from shared.contacts.name_words import COMPANY_ENDS, NOT_NAMES, PLACES
from shared.contacts.statement import Statement

MAX_WORDS = 7
_ABBREVIATED = frozenset(["inc", "co", "corp", "ltd", "sta", "sto", "st"])
_ENDING = frozenset(["inc", "corp", "ltd"])
_JOINING = frozenset(["of", "and", "&", "the", "ng", "at"])
_ROLE = r"(?:manager|agent|consultant|director|ceo|president|supervisor|engineer|nurse|teacher|cashier|crew|staff|head)"
_PO = r"(?:[ \t]+(?:po|ho))?"

_CUE = re.compile(
    r"\b(?:work|working|employed)[ \t]+(?:at|for|with)[ \t]+"
    r"|\b(?:my|our)[ \t]+(?:company|business|employer|firm|agency|shop|store)(?:['\u2019]s)?(?:[ \t]+name)?"
    r"(?:[ \t]+is|[ \t]*[:,])[ \t]+"
    r"|\b(?:company|business|shop|store|firm|agency)[ \t]+(?:called|named)[ \t]+"
    r"|(?:^|\n|,)[ \t]*company[ \t]*[:=-][ \t]*"
    rf"|\b(?:company|negosyo|business)[ \t]+(?:ko|namin){_PO}[ \t]+(?:ay[ \t]+|is[ \t]+)?"
    rf"|\b(?:owner|founder)[ \t]+of[ \t]+|\bI[ \t]+own[ \t]+|\bmay[- ]?ari{_PO}(?:[ \t]+ako)?{_PO}[ \t]+ng[ \t]+"
    rf"|\b{_ROLE}{_PO}[ \t]+(?:ako[ \t]+)?(?:at|of|with|for|sa)[ \t]+"
    rf"|\bempleyado{_PO}(?:[ \t]+(?:ako|kami))?{_PO}[ \t]+(?:ng|sa)[ \t]+"
    rf"|\bnag(?:wo-?work|ta-?trabaho|-?work){_PO}(?:[ \t]+(?:ako|kami))?{_PO}[ \t]+sa[ \t]+",
    re.IGNORECASE,
)
_FROM = re.compile(r"\b(?:from|we[ \t]+are|we['\u2019]re)[ \t]+", re.IGNORECASE)
_SA = re.compile(r"\bsa[ \t]+", re.IGNORECASE)
_WORK_BEHIND = re.compile(
    rf"{_PO}[ \t]+(?:ako|kami){_PO}[ \t]+na(?:g|ka)-?\w*-?(?:work|trabaho)", re.IGNORECASE
)
_PAST = re.compile(
    r"\b(?:used to|dati|dating|former|formerly|ex|previously|your|not|hindi)\b[^,.]*$", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|&")


def company_statements(text: str) -> Iterator[Statement]:
    """Yield the companies that the visitor names as own or as employer; a place of work alone is none."""
    for match in _CUE.finditer(text):
        yield from _named(text, match.end(), match.start())
    for match in _FROM.finditer(text):
        for statement in _named(text, match.end(), match.start()):
            if statement.value.rpartition(" ")[2].rstrip(".").lower() in COMPANY_ENDS:
                yield statement
    for match in _SA.finditer(text):
        for statement in _named(text, match.end(), match.start()):
            if _WORK_BEHIND.match(text, statement.end):
                yield statement


def _named(text: str, start: int, cue_start: int) -> Iterator[Statement]:
    end = _company_end(text, start)
    value = " ".join(text[start:end].split())
    if (
        not value
        or value.lower() in NOT_NAMES
        or value.lower().rstrip(".") in PLACES
        or _PAST.search(text[max(0, cue_start - 40) : cue_start])
    ):
        return
    yield Statement(text, value, start, end, cue_start)


def _company_end(text: str, start: int) -> int:
    """Return the end of the capitalised words from `start`; joining words count only between two of them."""
    end = position = start
    for _ in range(MAX_WORDS):
        word = _WORD.match(text, position)
        if word is None or not _continues(word.group(), first=position == start):
            break
        position = word.end()
        abbreviated = text.startswith(".", position) and word.group().lower() in _ABBREVIATED
        position += abbreviated
        if word.group()[0].isupper() or word.group()[0].isdigit():
            end = position
        if abbreviated and word.group().lower() in _ENDING:
            break
        if not text.startswith(" ", position):
            break
        position += 1
    return end


def _continues(word: str, *, first: bool) -> bool:
    if word.lower() in _JOINING:
        return not first
    return (word[0].isupper() or (word[0].isdigit() and not first)) and not (
        word.isupper() and word.lower() in NOT_NAMES
    )
