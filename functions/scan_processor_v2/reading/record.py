"""What a scan reads and what it gives: records of the input, and the items that become prospects."""

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
    """One piece of the input that speaks of at most one person.

    `position` counts the records of a scan from 0. `text` is the record's own words, at most 2,000 characters.
    `fields` is what the input itself names: name, first_name, last_name, email, phone, company, position, address,
    notes … as written there. An image is one record, its text empty.
    """

    position: int
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)
    source: Source = "line"

    def to_json(self) -> dict[str, Any]:
        """Return the record as stored in a block."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the stored record again; raises KeyError or ValueError for anything else."""
        if stored["source"] not in get_args(Source):
            raise ValueError(f"{stored['source']} is no source of records")
        return cls(int(stored["position"]), str(stored["text"]), dict(stored["fields"]), stored["source"])


@dataclass(frozen=True, slots=True)
class Item:
    """One person found in a record, scored.

    `score` is 0 to 100 and decides the bucket (hot from 70, warm from 50); `confidence` is 0 to 1; `phone` is E.164.
    `evidence` gives for each value the words of the record it was read from; a value of a list is told as
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
        """How soon to speak with this person, by the score alone."""
        return bucket_of(self.score)

    def to_json(self) -> dict[str, Any]:
        """Return the item as the database stores it, `bucket` included."""
        stored = {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }
        return stored | {"bucket": self.bucket}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the stored item again; raises TypeError for missing or unknown fields."""
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        given.pop("bucket", None)
        return cls(**given)


def bucket_of(score: int) -> Bucket:
    """Return the bucket of a score: hot from 70, warm from 50, else cold."""
    if score >= HOT:
        return "hot"
    return "warm" if score >= WARM else "cold"


def blocks(records: Iterable[Record], size: int = BLOCK_SIZE) -> Iterator[list[Record]]:
    """Return the records in lists of `size`, the last one shorter; only one block is in memory at a time."""
    block: list[Record] = []
    for record in records:
        block.append(record)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def parts(lines: Iterable[str]) -> Iterator[str]:
    """Return the lines of a record as texts of at most 2,000 characters, one at the least, cut between words."""
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
