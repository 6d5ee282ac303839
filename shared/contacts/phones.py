"""Phone numbers in text."""

import re
from collections.abc import Collection, Iterator

import phonenumbers
from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher, PhoneNumberType

from shared.contacts.statement import Statement

REGION = "PH"
E164 = PhoneNumberFormat.E164
_OWN_LINES = frozenset(
    {
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
        PhoneNumberType.PERSONAL_NUMBER,
    }
)

_MOBILE = re.compile(r"(?<![\d+])(?:\+?63[ -]?|0)?9\d{2}[ .-]?\d{3}[ .-]?\d{4}(?!\d)")

# The letter O instead of the zero of a mobile number, as in "O917 555 0105".
_LETTER_ZERO = re.compile(r"(?<![\w.])[oO](?=9\d{2}[\s.-]?\d{3})")

_OTHERS = (
    r"\b(?:his|her|their|your|husband['\u2019]?s|wife['\u2019]?s|mom['\u2019]?s|dad['\u2019]?s|(?:my|our)\s+\w+['\u2019]s)\s+\w*\s*"
    r"(?:number|no\.?|phone|mobile|cell|cp|viber)"
    r"|\b(?:number|cp|cell|phone|viber)\s+(?:n[gi]|nina|mo|nyo|niyo|ninyo|niya|nya|nila)\b(?!\s+(?:po\s+)?ako)"
    r"|\b(?:i|we|already|just)\s+(?:called|texted|rang|dialed)\b"
    r"|\b(?:tumawag(?!\s+(?:po\s+)?kayo)|nag-?text|tinawagan|tinext|sabi ni)\b"
    r"|\b(?:pay|paid|payment|transfer|transferred|send money|sent"
    r"|na-?send|sinend|pinadala|nagpadala|bayad|magbayad|nagbayad|ipadala)\b"
)
_OWN = (
    r"\b(?:text|call|tawag|tawagan|reach|contact|viber|whatsapp|telegram|cell|cellphone|mobile|phone|tel|landline|cp"
    r"|number|numbers|numero|no\.|globe|smart|akin|mine|gcash)\b"
)
_NO_PHONE = (
    r"\b(?:order|ref|reference|invoice|receipt|resibo|tracking|waybill|policy|account|acct|transaction|txn|card|tin"
    r"|sss|gsis|umid|philhealth|pag-?ibig|passport|licen[cs]e|prc|plate|otp|pin|serial|booking|contract|ticket|lot"
    r"|block|fax|id)\b(?:\s*(?:no\.?|num|number|nos\.?|id|code|ko|po|is|ay)\b|\s*[.#:])*"
    r"|[₱$€]|\b(?:p|php|usd|peso|pesos|budget|presyo|price)\b"
)
_CUE = re.compile(f"(?P<others>{_OTHERS})|(?P<no_phone>{_NO_PHONE})|(?P<own>{_OWN})", re.IGNORECASE)
_OTHERS_AFTER = re.compile(
    r"[\s,(-]*(?:(?:po|daw)\s+)*(?:(?:is|ang|yung)\s+)?"
    r"(?:my\s+(?:husband|wife|mom|mother|dad|father|sister|brother|friend|boss|son|daughter)|my\s+\w+['\u2019]s|your\b"
    r"|(?:number|cp|cell)\s+(?:n[gi]|nyo|ninyo|mo|niya|nya|nila)\b|(?:his|her|their)\s+\w+)",
    re.IGNORECASE,
)
_SLASHED = re.compile(r"(?<=\d{4})/(?=\d{3}/\d{4})|(?<=\d{4}/\d{3})/(?=\d{4})")
_IN_LINK = re.compile(r"://|www\.|[?&]\w+=", re.IGNORECASE)
_DIGIT_BEFORE = re.compile(r"\d[\s./-]?$")
_DIGIT_AFTER = re.compile(r"[\s./-]?\d")
_AMOUNT_AFTER = re.compile(r"\s*(?:%|pesos?\b|php\b|sqm\b|sq\b|k\b|,\d{3}\b)", re.IGNORECASE)


def phone_statements(text: str) -> Iterator[Statement]:
    """Yield the visitor's own valid numbers in order, as E.164; without a country code they are Philippine."""
    spans = _spans(text)
    since = 0
    for (start, end), number in sorted(spans.items()):
        statement = Statement(text, number, start, end, since)
        since = end
        if not _inside_longer(text, start, end, spans) and _is_own(statement):
            yield statement


def listed_numbers(text: str) -> Iterator[Statement]:
    """Yield every valid number in notes about other people, in order, as E.164; not of orders, amounts or links.

    The line of a list says whose number it is, so words such as "her number" do not exclude it.
    """
    joined = _SLASHED.sub("-", text)
    spans = _spans(joined)
    since = 0
    for (start, end), number in sorted(spans.items()):
        statement = Statement(joined, number, start, end, since)
        since = end
        if not (
            _inside_longer(joined, start, end, spans)
            or _AMOUNT_AFTER.match(statement.after)
            or _nearest_cue(statement.before) == "no_phone"
            or _IN_LINK.search(joined[:start].rpartition(" ")[2])
        ):
            yield statement


def valid_number(words: str) -> str | None:
    """Return the words as E.164, or None if no numbering plan has such a number."""
    try:
        number = phonenumbers.parse(_LETTER_ZERO.sub("0", words), REGION)
    except phonenumbers.NumberParseException:
        return None
    return _own_line(number)


def _own_line(number: phonenumbers.PhoneNumber) -> str | None:
    """Return the number as E.164 if a person or office can have it, or None (toll-free, premium rate)."""
    if phonenumbers.number_type(number) not in _OWN_LINES:
        return None
    return phonenumbers.format_number(number, E164)


def _spans(text: str) -> dict[tuple[int, int], str]:
    digits = _LETTER_ZERO.sub("0", text)
    matches = PhoneNumberMatcher(digits, REGION, leniency=Leniency.VALID)
    numbers = {(match.start, match.end): _own_line(match.number) for match in matches}
    spans = {span: number for span, number in numbers.items() if number is not None}
    # The library needs a zero or a country code before a mobile number, and a clear gap between two numbers.
    for match in _MOBILE.finditer(digits):
        number = valid_number(match.group())
        if number is not None and not any(
            start < match.end() and match.start() < end for start, end in spans
        ):
            spans[match.span()] = number
    return spans


def _is_own(statement: Statement) -> bool:
    if (
        statement.denied
        or statement.about_another
        or _OTHERS_AFTER.match(statement.after)
        or _AMOUNT_AFTER.match(statement.after)
    ):
        return False
    kind = _nearest_cue(statement.before)
    if kind in {"others", "no_phone"}:
        return False
    # Ten bare digits may be the number of an order: they need a word for a phone.
    marked = statement.text[statement.start] in "+\uff0b(0\uff10oO" or len(statement.value) != len(
        "+639171234567"
    )
    return kind == "own" or marked or statement.text.startswith("63", statement.start)


def _nearest_cue(words: str) -> str | None:
    kind = None
    for cue in _CUE.finditer(words):
        kind = cue.lastgroup
    return kind


def _inside_longer(text: str, start: int, end: int, spans: Collection[tuple[int, int]]) -> bool:
    """Return whether the number is part of a longer run of digits."""
    before = _DIGIT_BEFORE.search(text[max(0, start - 2) : start])
    after = _DIGIT_AFTER.match(text[end : end + 2])
    follows = any(0 <= start - other <= 1 for _, other in spans)
    precedes = any(0 <= other - end <= 1 for other, _ in spans)
    return (before is not None and not follows) or (after is not None and not precedes)
