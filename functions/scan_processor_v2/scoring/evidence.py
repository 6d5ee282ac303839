"""The model's answer checked against the records: a value that is not in its record is dropped and counted."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from functions.scan_processor_v2.reading.details import Details, details_of, filled, phone_in
from functions.scan_processor_v2.reading.line_name import in_order
from functions.scan_processor_v2.reading.record import MAX_TEXT, Item, Record, Sentiment
from functions.scan_processor_v2.scoring.answer import Finding, ProspectAnswer
from functions.scan_processor_v2.scoring.rules import snippet, words_of
from shared.ai.prompt import Evidence
from shared.contacts.emails import listed_addresses, spelled, valid_address
from shared.contacts.phones import listed_numbers

MAX_FINDINGS = 8
MAX_LETTERS = 160

_NAMED = frozenset(["name", "first_name", "last_name"])
_CONTACT = re.compile(r"@|\d[\d\s().-]{5,}\d|https?:|www\.", re.IGNORECASE)


class Contacts(TypedDict):
    """A person's normalised contacts and company."""

    email: str | None
    phone: str | None
    company: str | None


def verified(prospects: Iterable[ProspectAnswer], records: Sequence[Record]) -> tuple[list[Item], int]:
    """Return the people with the values that their records contain, and the number of dropped values. Never raises.

    A person of an unknown record, without name and contact, or listed twice, is dropped as a whole.
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


def _values(prospect: ProspectAnswer) -> int:
    """Return the number of values of a person in the answer, at least one."""
    single = (prospect.name, prospect.email, prospect.phone, prospect.company)
    lists = (prospect.top_factors, prospect.pain_points, prospect.interests, prospect.life_events)
    return max(1, sum(bool(value) for value in single) + sum(map(len, lists)))


@dataclass(frozen=True, slots=True)
class Source:
    """A record prepared for searches."""

    record: Record
    words: Evidence
    details: Details
    emails: frozenset[str]
    phones: frozenset[str]

    @classmethod
    def of(cls, record: Record) -> "Source":
        """Return the prepared record."""
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
    """The check of one person against the record; `dropped` counts values that the record does not contain."""

    def __init__(self, prospect: ProspectAnswer, source: Source) -> None:
        self._claim = prospect
        self._source = source
        self._evidence: dict[str, str] = {}
        self.dropped = 0

    def item(self) -> Item | None:
        """Return the person with the supported values, or None if neither a name nor a contact is supported."""
        claimed = self._claim
        contacts = self._contacts()
        name = self._supported("name", claimed.name, self._name) or self._substitute_name(contacts)
        if name is None:
            return None
        return Item(
            position=claimed.record,
            name=name,
            content=self._quote(),
            score=_clamped(claimed.score),
            confidence=_clamped(claimed.confidence) / 100,
            top_factors=self._findings("top_factors", claimed.top_factors),
            pain_points=self._findings("pain_points", claimed.pain_points),
            interests=self._findings("interests", claimed.interests),
            life_events=self._findings("life_events", claimed.life_events),
            sentiment=self._sentiment(),
            opportunity_type=self._opportunity(),
            signals=self._spans("signals", claimed.signals),
            keywords=self._spans("keywords", claimed.keywords),
            evidence=self._evidence,
            **contacts,
        )

    def _contacts(self) -> "Contacts":
        claimed = self._claim
        return {
            "email": self._supported("email", claimed.email, self._email),
            "phone": self._supported("phone", claimed.phone, self._phone),
            "company": self._supported("company", claimed.company, self._company),
        }

    def _supported(self, field: str, claimed: str | None, reader: Callable[[str], str | None]) -> str | None:
        """Return the normalised value if the record contains it, else None; an empty value or «null» is not counted."""
        words = filled(claimed)
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

    def _company(self, words: str) -> str | None:
        return words if self._source.words.holds(words) else None

    def _name(self, words: str) -> str | None:
        """Return the name if the record contains it, in one piece or in its columns for parts of names."""
        known = self._source.details.found.get("name")
        if known is not None and words.casefold() in {known.value.casefold(), known.words.casefold()}:
            return known.value
        return in_order(words) if self._source.words.holds(words) else None

    def _substitute_name(self, contacts: "Contacts") -> str | None:
        """Return another name for the person, if the model's is missing or not supported.

        That is the record's name if a field of the record contains it, else the company or a contact.
        """
        known = self._source.details.found.get("name")
        if known is not None and not _NAMED.isdisjoint(self._source.record.fields):
            self._evidence["name"] = known.words
            return known.value
        reached = contacts["email"] or contacts["phone"]
        if reached is None:
            return None
        substitute = contacts["company"] or reached
        field = next(field for field, value in contacts.items() if value == substitute)
        self._evidence["name"] = self._evidence[field]
        return substitute

    def _quote(self) -> str:
        quote = " ".join(self._claim.quote.split())
        if quote and self._source.words.holds(quote):
            self._evidence["content"] = quote
            return snippet(quote)
        self.dropped += bool(quote)
        return snippet(words_of(self._source.record)) or self._evidence["name"]

    def _findings(self, field: str, claimed: Sequence[Finding]) -> tuple[str, ...]:
        """Return the findings whose evidence is in the record, without those that name a contact from elsewhere."""
        kept = [finding for finding in claimed if self._supports(finding)]
        self.dropped += len(claimed) - len(kept)
        kept = kept[:MAX_FINDINGS]
        for index, finding in enumerate(kept):
            self._evidence[f"{field}[{index}]"] = finding.evidence
        return tuple(finding.finding for finding in kept)

    def _supports(self, claimed: Finding) -> bool:
        finding, words = claimed.finding, self._source.words
        if not 0 < len(finding.strip()) <= MAX_LETTERS or len(claimed.evidence) > MAX_TEXT:
            return False
        has_new_contact = _CONTACT.search(finding) is not None and not words.holds(finding)
        return words.holds(claimed.evidence) and not has_new_contact

    def _spans(self, field: str, claimed: Sequence[str]) -> tuple[str, ...]:
        kept = [
            span
            for span in dict.fromkeys(claimed)
            if len(span) <= MAX_LETTERS and self._source.words.holds(span)
        ]
        self.dropped += len(claimed) - len(kept)
        kept = kept[:MAX_FINDINGS]
        self._evidence |= {f"{field}[{index}]": span for index, span in enumerate(kept)}
        return tuple(kept)

    def _sentiment(self) -> Sentiment:
        claimed = self._claim.sentiment
        return (
            claimed.finding
            if claimed is not None and self._has_evidence("sentiment", claimed.evidence)
            else "neutral"
        )

    def _opportunity(self) -> str | None:
        claimed = self._claim.opportunity_type
        return (
            claimed.finding
            if claimed is not None and self._has_evidence("opportunity_type", claimed.evidence)
            else None
        )

    def _has_evidence(self, field: str, evidence: str) -> bool:
        holds = len(evidence) <= MAX_TEXT and self._source.words.holds(evidence)
        if holds:
            self._evidence[field] = evidence
        else:
            self.dropped += 1
        return holds


def _clamped(points: int) -> int:
    return min(100, max(0, points))
