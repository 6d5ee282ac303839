"""Records, the pieces of a scan's input, and items, the people found in them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self, get_args

MAX_TEXT = 2_000
BLOCK_SIZE = 50
HOT = 70
WARM = 50

Source = Literal["line", "row", "message", "image"]
Bucket = Literal["hot", "warm", "cold"]
Sentiment = Literal["positive", "neutral", "negative", "mixed"]


@dataclass(frozen=True, slots=True)
class Record:
    """One piece of the input about at most one person.

    `position` counts the records of a scan from 0. `text` is the record's own words, at most 2,000 characters.
    `fields` are the values that the input itself labels, as written: name, first_name, last_name, email, phone,
    company, position, address, notes …. An image is one record, its text empty.
    """

    position: int
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)
    source: Source = "line"

    def to_json(self) -> dict[str, Any]:
        """Return the record in its stored form."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the record of a stored form; raise KeyError or ValueError if it is invalid."""
        if stored["source"] not in get_args(Source):
            raise ValueError(f"{stored['source']} is no source of records")
        return cls(int(stored["position"]), str(stored["text"]), dict(stored["fields"]), stored["source"])


@dataclass(frozen=True, slots=True)
class Item:
    """One person found in a record, with a score.

    `score` is 0 to 100 and decides the bucket (hot from 70, warm from 50); `confidence` is 0 to 1; `phone` is E.164.
    `evidence` has for each value the words of the record it was read from; a value of a list has a key like
    `pain_points[0]`.
    """

    position: int
    name: str
    content: str
    score: int
    confidence: float
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    top_factors: tuple[str, ...] = ()
    pain_points: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    life_events: tuple[str, ...] = ()
    sentiment: Sentiment = "neutral"
    opportunity_type: str | None = None
    signals: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def bucket(self) -> Bucket:
        """Return the bucket, which depends only on the score."""
        return bucket_of(self.score)

    def to_json(self) -> dict[str, Any]:
        """Return the item in its stored form, including `bucket`."""
        stored = {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }
        return stored | {"bucket": self.bucket}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the item of a stored form; raise TypeError for missing or unknown fields."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        fields.pop("bucket", None)
        return cls(**fields)


def bucket_of(score: int) -> Bucket:
    """Return the bucket of a score: hot from 70, warm from 50, else cold."""
    if score >= HOT:
        return "hot"
    return "warm" if score >= WARM else "cold"


def blocks(records: Iterable[Record], size: int = BLOCK_SIZE) -> Iterator[list[Record]]:
    """Yield the records in lists of `size`, the last one shorter; only one block is in memory at a time."""
    block: list[Record] = []
    for record in records:
        block.append(record)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def parts(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a record as one or more texts of at most 2,000 characters, cut between words."""
    part = ""
    for line in lines:
        if part and len(part) + 1 + len(line) > MAX_TEXT:
            yield part
            part = ""
        part = f"{part}\n{line}" if part else line
        start = 0
        while len(part) - start > MAX_TEXT:
            cut = part.rfind(" ", start + MAX_TEXT // 2, start + MAX_TEXT)
            cut = start + MAX_TEXT if cut == -1 else cut
            yield part[start:cut]
            start = cut + part.startswith(" ", cut)
        part = part[start:]
    yield part
