"""The visitor's own name, as stated in English, Tagalog or both."""

import re
from collections.abc import Iterator

from shared.contacts.name_span import name_span
from shared.contacts.statement import CORRECTION, Statement

_PARTICLE = r"(?:(?:po|ho|nga|pala|naman|ay|rin|din|lang|eh)[ \t]+)*"

# Only a name can follow, so `berto santiago` in lower case is one.
_CERTAIN = re.compile(
    r"\bmy[ \t]+(?:full[ \t]+|complete[ \t]+|real[ \t]+)?(?:name|nmae|naem)(?:['\u2019]s|[ \t]+is|[ \t]*[:=])[ \t]*"
    rf"|\bako[ \t]+{_PARTICLE}si[ \t]+"
    r"|\bako['\u2019]?y[ \t]+(?:po[ \t]+)?si[ \t]+"
    rf"|\b(?:pangalan|name)[ \t]+ko(?:['\u2019]?y)?(?:[ \t]+|[ \t]*[:,][ \t]*){_PARTICLE}(?:is[ \t]+)?(?:si[ \t]+)?",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:^|[\n,.;/|])[ \t]*(?:full[ \t]+|complete[ \t]+)?name[ \t]*[:=-][ \t]*", re.IGNORECASE
)
_LIKELY = re.compile(
    rf"\bI(?:[ \t]?['\u2019]m|[ \t]+am)[ \t]+{_PARTICLE}|\bI ?a?m[ \t]+{_PARTICLE}|\bI[ \t]+\("
    r"|(?<!if )\bthis[ \t]+is[ \t]+|(?:^|[.!?,\n][ \t]*|\bthe[ \t]+)name['\u2019]s[ \t]+",
    re.IGNORECASE,
)
_NICKNAME = re.compile(
    r"\bcall[ \t]+me[ \t]+|\btawag(?:in)?[ \t]+(?:mo|nyo|niyo|ninyo)\b[ \t]*(?:na[ \t]+lang[ \t]+)?(?:po[ \t]+)?"
    r"(?:akong|sa[ \t]+akin)[ \t]+",
    re.IGNORECASE,
)
# The cue follows the name: "si Jun to", "Jerome here", "Jenny po ang pangalan ko".
_BEHIND = re.compile(
    r"(?:^|(?<=[.!?,\n]))[ \t]*(?:(?:hi|hello)[ \t]+(?:po[ \t]+)?)?(?=\S)(?:si[ \t]+(?=\S))?", re.IGNORECASE
)
_SI = re.compile(r"\bsi[ \t]+(?=\S)", re.IGNORECASE)
_IS_ME = re.compile(r"[ \t]+(?:po[ \t]+|lang[ \t]+|nga[ \t]+)*(?:['\u2019]?to|ito)\b", re.IGNORECASE)
_HERE = re.compile(
    r"[ \t]+(?:po[ \t]+)?(?:here\b|speaking\b|is[ \t]+my[ \t]+"
    r"(?:full[ \t]+|real[ \t]+)?name\b|(?:(?:ang|yung)[ \t]+)?(?:pangalan|name)[ \t]+ko\b)",
    re.IGNORECASE,
)
_ASKING = re.compile(r"[ \t]+po[ \t]*,?[ \t]+(?:inquiring|inquire|from|taga|interested|ng)\b", re.IGNORECASE)
_SIGNED = re.compile(
    r"\b(?:regards|sincerely|respectfully)[ \t]*[,.:-][ \t]*|[.!?\n][ \t]*[-\u2013—][ \t]*", re.IGNORECASE
)
_REGARDS = re.compile(
    r"(?:^|\n)[ \t]*(?:many[ \t]+thanks|thanks|thank[ \t]+you|(?:(?:best|kind|warm)[ \t]+)?regards|salamat|sincerely"
    r"|respectfully|yours)[\w \t]{0,12}[,.!]*[ \t]*\n+[ \t]*|(?:^|(?<=\n))--[ \t]*\n[ \t]*",
    re.IGNORECASE,
)
_CONTACT_AFTER = re.compile(
    r"(?:[ \t]+(?:po|pala))*[ \t]*(?:[,;:|/\n\u2013—-][ \t]*)+(?=[+(]?[\d(+]{3}|[\w.+-]+@)"
)
_LINE_START = re.compile(r"(?:^|[\n.!?:;])[ \t]*")
_NOTHING_AFTER = re.compile(r"[\s.]*$")
_SIGNATURES = ((_LINE_START, _CONTACT_AFTER), (_BEHIND, _ASKING), (_SIGNED, _NOTHING_AFTER))
_CORRECTED = re.compile(
    r"(?:^|[.,!\n])[ \t]*(?:ay[ \t]+)?(?:sorry|mali|oops|correction|typo|actually|i mean)\b(?:[ \t]*[,.!:-])?[ \t]*"
    r"(?:po\b[,]?[ \t]*)?(?:(?:it['\u2019]?s|it[ \t]+should[ \t]+be|spelling|name)[ \t]+)?",
    re.IGNORECASE,
)


def name_statements(text: str) -> Iterator[Statement]:
    """Yield the names of introductions, the most certain form first."""
    yield from _after(text, _CERTAIN, lower_case=True)
    yield from _after(text, _LABEL, lower_case=True)
    yield from _after(text, _LIKELY)
    yield from _before(text, _SI, _IS_ME)
    yield from _before(text, _BEHIND, _HERE)
    yield from _after(text, _REGARDS)
    yield from _signatures(text)


def nickname_statements(text: str) -> Iterator[Statement]:
    """Yield the names that the visitor wants to be called by; they count only if no other name is known."""
    yield from _after(text, _NICKNAME)


def spelling_statements(text: str) -> Iterator[Statement]:
    """Yield corrections of an earlier name, as in `sorry, it's Marianne`; the caller checks the resemblance."""
    yield from (statement for statement in _after(text, _CORRECTED) if CORRECTION.search(statement.before))


def _after(text: str, cue: re.Pattern[str], *, lower_case: bool = False) -> Iterator[Statement]:
    for match in cue.finditer(text):
        span = name_span(text, match.end(), lower_case=lower_case)
        if span is not None:
            yield _statement(text, *span)


def _before(text: str, opening: re.Pattern[str], cue: re.Pattern[str]) -> Iterator[Statement]:
    for match in opening.finditer(text):
        span = name_span(text, match.end())
        if span is not None and cue.match(text, span[1]):
            yield _statement(text, *span)


def _signatures(text: str) -> Iterator[Statement]:
    """Yield full names beside a number or an address, before a request, or at the end of a message."""
    for opening, behind in _SIGNATURES:
        for match in opening.finditer(text):
            span = name_span(text, match.end())
            if span is not None and " " in text[slice(*span)] and behind.match(text, span[1]):
                yield _statement(text, *span)


def _statement(text: str, start: int, end: int) -> Statement:
    return Statement(text, " ".join(text[start:end].split()), start, end)
