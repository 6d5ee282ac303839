"""E-mail addresses in text."""

import re
from collections.abc import Iterator

from email_validator import EmailNotValidError, validate_email

from shared.contacts.statement import Statement

_PLAIN = re.compile(r"(?<![\w.+@/-])[\w.+%'\u2019-]{1,64}@[\w-]+(?:\.[\w-]+)+(?!@)")
_PROVIDERS = "gmail|yahoo|ymail|outlook|hotmail|icloud|proton|protonmail|live|aol|gmx"
_LOCAL = (
    r"(?<![\w.@])(?P<local>[\w+-]{1,40}(?:(?:\.|[ \t]+dot[ \t]+|[ \t]?[\[(]dot[\])][ \t]?)[\w+-]{1,40}){0,3})"
)
_DOT = r"(?:[ \t]+dot[ \t]+|[ \t]*[\[({]dot[\])}][ \t]*|[ \t]?\.[ \t]?)"
_END = rf"(?P<domain>%s(?:{_DOT}(?:com|net|org|ph|edu|gov|co|me|io)\b){{1,2}})"
_BRACKETED = re.compile(_LOCAL + r"[ \t]*[\[({]at[\])}][ \t]*" + _END % "[a-z0-9-]{2,40}", re.IGNORECASE)
_SPOKEN = re.compile(
    _LOCAL + r"(?:[ \t]+at[ \t]+|[ \t]+@[ \t]*|@[ \t]+)" + _END % f"(?:{_PROVIDERS})", re.IGNORECASE
)
# "maria@gmail .com", as phones write it after a completed word.
_SPACED = re.compile(rf"{_LOCAL}@(?P<domain>(?:{_PROVIDERS})[ \t]*\.[ \t]*com\b)", re.IGNORECASE)
_SEPARATOR = re.compile(rf"(?:{_DOT})", re.IGNORECASE)

_NOT_LOCAL = re.compile(
    r"me|it|is|was|us|you|them|him|her|work|here|there|look|looked|found|saw|e?-?mail|address|account|one|that|this|com"
    r"|net|and|or|sa|ko|po|ang|yung|nasa|ako"
)
_NOBODY = re.compile(r"(?:no-?reply|do-?not-?reply|mailer-daemon|postmaster)@", re.IGNORECASE)
_MAIL_WORD = re.compile(r"\b(?:e-?mail|mail|gmail add|email add)\b", re.IGNORECASE)
_OTHERS = re.compile(
    r"\b(?:e-?mailed|wrote(?: to)?|contacted|sent\b[^,]{0,30}\bto|nag-?e?-?mail\b[^,]{0,20}\bsa"
    r"|your e-?mail(?!\s+(?:at|to|sa)\b)"
    r"|(?:his|her|their)\s+(?:\w+\s+)?e-?mail|(?:my|our)\s+\w+['\u2019]s\s+(?:\w+\s+)?e-?mail"
    r"|e-?mail\s+(?:n[gi]|mo|nyo|niyo|ninyo|niya|nya|nila)(?!\s+(?:po\s+)?ako)|tried)\b[^,]{0,40}$"
    r"|\b(?:from|got|received|galing|nakuha|natanggap)\b[^,]{0,30}$",
    re.IGNORECASE,
)
_OTHERS_AFTER = re.compile(
    r"[\s,(-]*(?:is\s+|ang\s+|yung\s+)?(?:my\s+\w+['\u2019]s|your\b|e-?mail\s+(?:n[gi]|niya|nya|nila)\b|(?:his|her)\s+e-?mail)",
    re.IGNORECASE,
)


def email_statements(text: str) -> Iterator[Statement]:
    """Yield the visitor's own valid addresses in order, the domain in lower case; DNS is not queried."""
    since = 0
    for start, end in sorted(set(_plain_spans(text)) | set(_written_out_spans(text))):
        if start < since:
            continue
        address = valid_address(spelled(text[start:end]))
        if address is None or _NOBODY.match(address):
            continue
        statement = Statement(text, address, start, end, since)
        since = end
        if not (
            statement.denied
            or statement.about_another
            or _OTHERS.search(statement.before)
            or _OTHERS_AFTER.match(statement.after)
        ):
            yield statement


def listed_addresses(text: str) -> Iterator[Statement]:
    """Yield every valid address in notes about other people, in order, the domain in lower case."""
    since = 0
    spaced = (match.span() for match in _SPACED.finditer(text))
    spans = {*_plain_spans(text), *_written_out_spans(text), *spaced}
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start < since:
            continue
        address = valid_address(spelled(text[start:end]))
        if address is not None and not _NOBODY.match(address):
            yield Statement(text, address, start, end, since)
            since = end


def valid_address(address: str) -> str | None:
    """Return the normalised address, or None if it is not valid."""
    try:
        return validate_email(address, check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def spelled(words: str) -> str:
    """Return `maria [at] gmail dot com` as `maria@gmail.com`, and an address unchanged."""
    joined = re.sub(
        r"[ \t]*[\[({]at[\])}][ \t]*|[ \t]+at[ \t]+|[ \t]*@[ \t]*", "@", words, flags=re.IGNORECASE
    )
    return _SEPARATOR.sub(".", joined)


def _plain_spans(text: str) -> Iterator[tuple[int, int]]:
    for match in _PLAIN.finditer(text):
        words = match.group()
        start = match.start() + len(words) - len(words.lstrip(".'\u2019-"))
        yield start, match.end() - _next_sentence(words)


def _next_sentence(address: str) -> int:
    """Return how many characters belong to the next sentence, as in `gmail.com.Thanks` and `gmail.comThanks`."""
    last = address.rpartition(".")[2]
    others = address.rpartition("@")[2].removesuffix(last)
    joined = re.fullmatch(r"[a-z]{2,3}([A-Z][a-z]+)", last)
    if joined is not None and others.islower():
        return len(joined[1])
    return len(last) + 1 if last.istitle() and others.islower() and others.count(".") > 1 else 0


def _written_out_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield spoken addresses that are unambiguous: with brackets, or of a known provider in a message about mail."""
    for match in _BRACKETED.finditer(text):
        yield match.span()
    for match in _SPOKEN.finditer(text):
        local = match["local"].lower()
        unambiguous = re.search(r"[a-z].*[\d._]|[\d._].*[a-z]", local) or _MAIL_WORD.search(text)
        if unambiguous and len(local) > 1 and not _NOT_LOCAL.fullmatch(local) and not local.isdigit():
            yield match.span()
