"""What a model told, checked against the records: a value that does not stand in its record is dropped and counted."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from functions.scan_processor_v2.reading.details import Details, details_of, given, phone_in
from functions.scan_processor_v2.reading.line_name import in_order
from functions.scan_processor_v2.reading.record import MAX_TEXT, Item, Record, Sentiment
from functions.scan_processor_v2.scoring.answer import AnsweredProspect, Finding
from functions.scan_processor_v2.scoring.rules import snippet, words_of
from shared.ai.prompt import Evidence
from shared.contacts.emails import listed_addresses, spelled, valid_address
from shared.contacts.phones import listed_numbers

MOST_FINDINGS = 8
MOST_LETTERS = 160

_NAMED = frozenset(["name", "first_name", "last_name"])
_CONTACT = re.compile(r"@|\d[\d\s().-]{5,}\d|https?:|www\.", re.IGNORECASE)


class Contacts(TypedDict):
    """How to reach a person, in normal form, and whom it works for."""

    email: str | None
    phone: str | None
    company: str | None


def verified(prospects: Iterable[AnsweredProspect], records: Sequence[Record]) -> tuple[list[Item], int]:
    """Return the people whose values stand in their records, and how many values were dropped. Never raises.

    A person of an unknown record, without name and contact, or told twice, is dropped as a whole.
    """
    sources = {record.position: Source.of(record) for record in records}
    items: dict[tuple[object, ...], Item] = {}
    dropped = 0
    for prospect in prospects:
        source = sources.get(prospect.record)
        check = Check(prospect, source) if source is not None else None
        item = check.item() if check is not None else None
        key = () if item is None else (item.position, item.name.casefold(), item.email, item.phone)
        if check is None or item is None or key in items:
            dropped += _values(prospect)
            continue
        dropped += check.dropped
        items[key] = item
    return list(items.values()), dropped


def _values(prospect: AnsweredProspect) -> int:
    """Count the values that a prospect claims, one at the least."""
    single = (prospect.name, prospect.email, prospect.phone, prospect.company)
    lists = (prospect.top_factors, prospect.pain_points, prospect.interests, prospect.life_events)
    return max(1, sum(bool(value) for value in single) + sum(map(len, lists)))


@dataclass(frozen=True, slots=True)
class Source:
    """A record made ready for looking things up in it."""

    record: Record
    words: Evidence
    details: Details
    emails: frozenset[str]
    phones: frozenset[str]

    @classmethod
    def of(cls, record: Record) -> "Source":
        """Read a record once for all that is told of it."""
        texts = [*record.fields.values(), record.text]
        details = details_of(record)
        emails = {found.value for text in texts for found in listed_addresses(text)}
        phones = {found.value for text in texts for found in listed_numbers(text)}
        known = Evidence({"text": record.text, **record.fields})
        return cls(
            record,
            known,
            details,
            frozenset(emails | {details.value("email") or ""}),
            frozenset(phones | {details.value("phone") or ""}),
        )


class Check:
    """One prospect against its record; `dropped` counts what did not stand there."""

    def __init__(self, prospect: AnsweredProspect, source: Source) -> None:
        self._told = prospect
        self._source = source
        self._evidence: dict[str, str] = {}
        self.dropped = 0

    def item(self) -> Item | None:
        """Return the person with what is supported, None where neither name nor contact is."""
        told = self._told
        contacts = self._contacts()
        name = self._kept("name", told.name, self._name) or self._called(contacts)
        if name is None:
            return None
        return Item(
            position=told.record,
            name=name,
            content=self._quote(),
            score=_clamped(told.score),
            confidence=_clamped(told.confidence) / 100,
            top_factors=self._findings("top_factors", told.top_factors),
            pain_points=self._findings("pain_points", told.pain_points),
            interests=self._findings("interests", told.interests),
            life_events=self._findings("life_events", told.life_events),
            sentiment=self._sentiment(),
            opportunity_type=self._opportunity(),
            signals=self._spans("signals", told.signals),
            keywords=self._spans("keywords", told.keywords),
            evidence=self._evidence,
            **contacts,
        )

    def _contacts(self) -> "Contacts":
        told = self._told
        return {
            "email": self._kept("email", told.email, self._email),
            "phone": self._kept("phone", told.phone, self._phone),
            "company": self._kept("company", told.company, self._spoken),
        }

    def _kept(self, field: str, told: str | None, reader: Callable[[str], str | None]) -> str | None:
        """Return the value in its normal form where the record holds it; an empty one, or a «null», was not told."""
        words = given(told)
        if words is None:
            return None
        value = reader(words)
        if value is None:
            self.dropped += 1
        else:
            self._evidence[field] = words
        return value

    def _email(self, words: str) -> str | None:
        address = valid_address(spelled(words))
        return address if address in self._source.emails else None

    def _phone(self, words: str) -> str | None:
        number = phone_in(words)
        return number if number in self._source.phones else None

    def _spoken(self, words: str) -> str | None:
        return words if self._source.words.holds(words) else None

    def _name(self, words: str) -> str | None:
        """Return a name that the record holds, in one piece or in its columns for parts of names."""
        known = self._source.details.found.get("name")
        if known is not None and words.casefold() in {known.value.casefold(), known.words.casefold()}:
            return known.value
        return in_order(words) if self._source.words.holds(words) else None

    def _called(self, contacts: "Contacts") -> str | None:
        """Return what else the person can be called where the model told no name that holds.

        That is the record's own name where the record is about one person: it is named by a field.
        """
        known = self._source.details.found.get("name")
        if known is not None and not _NAMED.isdisjoint(self._source.record.fields):
            self._evidence["name"] = known.words
            return known.value
        reached = contacts["email"] or contacts["phone"]
        if reached is None:
            return None
        called = contacts["company"] or reached
        field = next(field for field, value in contacts.items() if value == called)
        self._evidence["name"] = self._evidence[field]
        return called

    def _quote(self) -> str:
        quote = " ".join(self._told.quote.split())
        if quote and self._source.words.holds(quote):
            self._evidence["content"] = quote
            return snippet(quote)
        self.dropped += bool(quote)
        return snippet(words_of(self._source.record)) or self._evidence["name"]

    def _findings(self, field: str, told: Sequence[Finding]) -> tuple[str, ...]:
        """Return the findings whose evidence stands in the record; none may bring in a contact that does not."""
        kept = [finding for finding in told if self._supports(finding)]
        self.dropped += len(told) - len(kept)
        kept = kept[:MOST_FINDINGS]
        for index, finding in enumerate(kept):
            self._evidence[f"{field}[{index}]"] = finding.evidence
        return tuple(finding.finding for finding in kept)

    def _supports(self, told: Finding) -> bool:
        finding, words = told.finding, self._source.words
        if not 0 < len(finding.strip()) <= MOST_LETTERS or len(told.evidence) > MAX_TEXT:
            return False
        brought = _CONTACT.search(finding) is not None and not words.holds(finding)
        return words.holds(told.evidence) and not brought

    def _spans(self, field: str, told: Sequence[str]) -> tuple[str, ...]:
        kept = [
            span
            for span in dict.fromkeys(told)
            if len(span) <= MOST_LETTERS and self._source.words.holds(span)
        ]
        self.dropped += len(told) - len(kept)
        kept = kept[:MOST_FINDINGS]
        self._evidence |= {f"{field}[{index}]": span for index, span in enumerate(kept)}
        return tuple(kept)

    def _sentiment(self) -> Sentiment:
        told = self._told.sentiment
        return told.finding if told is not None and self._shown("sentiment", told.evidence) else "neutral"

    def _opportunity(self) -> str | None:
        told = self._told.opportunity_type
        return told.finding if told is not None and self._shown("opportunity_type", told.evidence) else None

    def _shown(self, field: str, evidence: str) -> bool:
        holds = len(evidence) <= MAX_TEXT and self._source.words.holds(evidence)
        if holds:
            self._evidence[field] = evidence
        else:
            self.dropped += 1
        return holds


def _clamped(points: int) -> int:
    return min(100, max(0, points))
