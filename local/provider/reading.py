"""Reads a prompt: who it is about, their problems, what was asked, which sentences can be quoted."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from local.provider import data, images, tokens

PAIN_WORDS = ("kailangan", "need", "hirap", "kulang", "gastos", "bills", "utang", "pagod", "stress", "takot")
HOPE_WORDS = (
    "extra income",
    "side hustle",
    "business",
    "negosyo",
    "opportunity",
    "investment",
    "online",
    "wfh",
)
HURRY_WORDS = ("ngayon", "now", "asap", "urgent", "soon")
LANGUAGES = ("english", "filipino", "taglish", "cebuano", "spanish")

_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w'\u2019-]*\.?"
_MORE = rf"(?:[ ]+(?:de|del|dela|la|{_CAPITAL}))"
_PERSON = rf"{_CAPITAL}{_MORE}{{0,4}}"
_LABELLED = re.compile(
    r"(?P<label>[A-Za-z_ ]{0,30}?(?i:name|prospect|pangalan|lead|client))\"?\s*[:=>]\s*\"?"
    rf"(?P<name>{_PERSON})"
)
_INTRODUCED = re.compile(rf"(?i:\b(?:ako si|i am|i'm|my name is|si|kay|for|kina))\s+(?P<name>{_PERSON})")
_RECORD = re.compile(
    rf"^[\s\-*\u2022\d.)]*(?P<name>{_CAPITAL}{_MORE}{{1,4}})\s+[-\u2013\u2014]+\s+(?P<note>\S.*)$",
    re.MULTILINE,
)
_SENTENCE = re.compile(
    r"(?:^[\w ]{2,24}:\s*)?(?P<span>[^.!?\n\"\u201c\u201d{}\[\]]{8,240}[.!?]?)", re.MULTILINE
)
_LANGUAGE = re.compile(rf"(?i)language\W{{1,5}}(?P<language>{'|'.join(LANGUAGES)})")
_ASKED_RECORDS = re.compile(r"(?i)only about the records (\d+) to (\d+)")
_LONG_WORD = re.compile(r"\w{4,}")
_EDGES = " ,;:-*\u2013\u2014"
_LEAST_OVERLAP = 2


@dataclass(frozen=True)
class Record:
    """One line of a pasted list: a person and what is said about them.

    `number` is set for a numbered record in the data, and `given` then has its strings.
    """

    name: str
    note: str
    number: int | None = None
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """The content of a prompt. `everything` is all its text, `said` the part of its user messages that can be quoted.

    Of JSON in a user message only the strings about the prospect are in `said`; `people` are the names and notes in
    the JSON, `known` its strings; `question` is the newest user message if that is plain text; `seen` are the lines in
    images.
    """

    everything: str
    said: tuple[str, ...]
    people: tuple[Record, ...] = ()
    question: str | None = None
    known: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    @classmethod
    def of(cls, messages: list[dict[str, Any]]) -> "Reading":
        """Return the reading of a request's messages."""
        seen = [images.seen_in(message) for message in messages]
        texts = [
            (message.get("role"), "\n".join(filter(None, (tokens.text_of(message), words))))
            for message, words in zip(messages, seen, strict=True)
        ]
        user_messages = [data.split(text) for role, text in texts if role == "user"]
        found = [value for _, values in user_messages for value in values]
        said = [part for plain, values in user_messages for part in (*data.quotable(values), plain.strip())]
        last_plain = user_messages[-1][0].strip() if user_messages else ""
        return cls(
            everything="\n".join(text for _, text in texts),
            said=tuple(part for part in said if part),
            people=tuple(_people(found)),
            question=last_plain or None,
            known=tuple(text for value in found for _, text in data.leaves(value)),
            seen=tuple(line for words in seen for line in words.splitlines() if line.strip()),
        )

    def about(self, record: Record) -> "Reading":
        """Return the reading of one record of the prompt."""
        return Reading(f"language: {self.language}", (record.note,), (record,))

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Return the people of a list: in the data, or in lines of the form «Name Surname — note»."""
        numbered = tuple(person for person in self.people if person.number is not None)
        if numbered:
            return tuple(person for person in numbered if self._asked_for(person))
        found = _RECORD.finditer("\n".join(self.said))
        number = 0 if self.seen else None
        lines = tuple(Record(match["name"], match["note"].strip(), number) for match in found)
        return lines or tuple(person for person in self.people if person.note)

    def _asked_for(self, person: Record) -> bool:
        """Return whether a numbered record is among those that the prompt asks for, if it asks for some."""
        asked = _ASKED_RECORDS.search(self.everything)
        return asked is None or int(asked[1]) <= (person.number or 0) <= int(asked[2])

    @cached_property
    def about_one(self) -> Record | None:
        """Return the numbered record that this reading is limited to; it has only that record's values."""
        only = self.people[0] if len(self.people) == 1 else None
        return None if only is None or only.number is None else only

    @cached_property
    def name(self) -> str | None:
        """Return the person of the prompt: a name in the data, a labelled, a listed or an introduced one."""
        if self.people:
            return self.people[0].name
        for match in _LABELLED.finditer(data.split(self.everything)[0]):
            if not data.is_foreign((match["label"],)):
                return match["name"].strip()
        if self.records:
            return self.records[0].name
        introduced = _INTRODUCED.search("\n".join(self.said))
        return introduced["name"].strip() if introduced else None

    @cached_property
    def language(self) -> str:
        """Return the language that the prompt asks for; taglish where it does not say."""
        asked = _LANGUAGE.search(self.everything)
        return asked["language"].lower() if asked else "taglish"

    @cached_property
    def spans(self) -> tuple[str, ...]:
        """Return spans of the user's text that can be quoted exactly."""
        return _spans("\n".join(self.said))

    @cached_property
    def newest(self) -> str:
        """Return the newest message, else the longest string of the data; never an instruction."""
        spans = self.spans or _spans("\n".join(self.known))
        return self.question or max(spans, key=len, default="")

    @cached_property
    def fact(self) -> str | None:
        """Return the sentence of the given data that shares most long words with the question, if any.

        Only data is quoted: an answer that repeated instructions would look like a leak of them.
        """
        if self.question is None:
            return None
        wanted = set(_LONG_WORD.findall(self.question.lower()))
        known = _spans("\n".join(self.known))
        shared = [(len(wanted & set(_LONG_WORD.findall(span.lower()))), span) for span in known]
        most, span = max(shared, key=lambda pair: pair[0], default=(0, ""))
        return span if most >= _LEAST_OVERLAP else None

    def holding(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Return the quotable spans that contain one of the words."""
        return tuple(span for span in self.spans if any(word in span.lower() for word in words))

    def found(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the words that the user's text contains."""
        said = "\n".join(self.said).lower()
        return tuple(word for word in words if word in said)

    @cached_property
    def score(self) -> int:
        """Return how interested the person seems, 0 to 100: pains, hopes and urgency add to a base of 50."""
        points = 8 * len(self.found(PAIN_WORDS)) + 10 * len(self.found(HOPE_WORDS))
        return min(100, 50 + points + 12 * len(self.found(HURRY_WORDS)))

    def number_of(self, noun: str) -> int | None:
        """Return the number that the prompt sets for a noun: «5 steps», «totalSteps: 5», «exactly 3 hooks»."""
        stem = re.escape(noun.lower().rstrip("s"))
        found = re.search(rf"(\d+)[ -]+(?:\w+ )?{stem}|{stem}s?\w*\W{{1,4}}(\d+)", self.everything.lower())
        return int(found[1] or found[2]) if found else None


def _people(found: list[dict[str, Any]]) -> Iterator[Record]:
    """Yield the people in the data: listed ones with their other strings as notes, then single ones."""
    for value in found:
        for path, item in data.objects(value):
            name = _named(item)
            if name and not data.is_foreign(path):
                note = ". ".join(text for _, text in data.leaves(item) if text != name)
                yield Record(name, note, _number(item), _strings(item))
    named = [pair for value in found for pair in data.leaves(value) if is_name(pair[0][-1])]
    own = [(path, text) for path, text in named if not data.is_foreign(path)]
    for _, text in sorted(own, key=lambda pair: not data.is_personal(pair[0])):
        yield Record(text, "")


def _named(item: dict[str, Any]) -> str | None:
    """Return the name in an object's property, or at the start of a numbered record's text."""
    name = next((text for key, text in item.items() if is_name(key) and isinstance(text, str)), None)
    if name is not None or _number(item) is None:
        return name
    line = next(filter(None, map(_RECORD.search, _strings(item).values())), None)
    return None if line is None else line["name"]


def _number(item: dict[str, Any]) -> int | None:
    number = item.get("record")
    return number if isinstance(number, int) else None


def _strings(item: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in item.items() if isinstance(value, str)}


def is_name(name: str) -> bool:
    """Return whether a property holds a person's name."""
    parts = data.words(name)
    return parts[-1:] == ["name"] and not data.is_foreign((name,))


def _spans(text: str) -> tuple[str, ...]:
    spans = (match["span"].strip(_EDGES) for match in _SENTENCE.finditer(text))
    return tuple(dict.fromkeys(span for span in spans if span))
