"""What the model answers for a block of records: its shape, and the schema that asks for it."""

from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from functions.scan_processor_v2.reading.record import Sentiment
from shared.ai.prompt import bare, strict_schema

OpportunityType = Literal[
    "extra_income", "business", "investment", "insurance", "real_estate", "product", "other"
]


class Answered(BaseModel):
    """Part of an answer: nothing besides what is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Finding(Answered):
    """One finding, and the words of the record that show it."""

    finding: str
    evidence: str


class SentimentFinding(Answered):
    """How the person feels about what is spoken of, and the words that show it."""

    finding: Sentiment
    evidence: str


class OpportunityFinding(Answered):
    """What the person may want, and the words that show it."""

    finding: OpportunityType
    evidence: str


class AnsweredProspect(Answered):
    """One person as the model tells of it, nothing checked yet.

    `record` is the position of the record that speaks of this person. Name, contacts, company, quote, signals and
    keywords are the record's own words, so that they are their own evidence; score and confidence are 0 to 100.
    """

    record: int
    name: str | None
    email: str | None
    phone: str | None
    company: str | None
    quote: str
    score: int
    confidence: int
    top_factors: list[Finding]
    pain_points: list[Finding]
    interests: list[Finding]
    life_events: list[Finding]
    sentiment: SentimentFinding | None
    opportunity_type: OpportunityFinding | None
    signals: list[str]
    keywords: list[str]


class Answer(Answered):
    """The people of a block; a record may speak of none or of several."""

    prospects: list[AnsweredProspect]


class ImageAnswer(Answer):
    """All that is written in an image, line by line, and the people in it; `record` is that of the image."""

    transcript: str


AnswerT = TypeVar("AnswerT", bound=Answer)


@cache
def schema_of(shape: type[Answer]) -> dict[str, Any]:
    """Return the schema that asks for such an answer; made when first asked for, since it takes 8 ms of a start."""
    return strict_schema(shape, {})


def read_answer(text: str) -> Answer:
    """Return the answer that the model wrote for a block; raises ValueError where it breaks the schema."""
    return _read(Answer, text)


def read_image_answer(text: str) -> ImageAnswer:
    """Return the answer that the model wrote for an image; raises ValueError where it breaks the schema."""
    return _read(ImageAnswer, text)


def _read(shape: type[AnswerT], text: str) -> AnswerT:
    try:
        return shape.model_validate_json(bare(text))
    except ValidationError as exc:
        raise ValueError("the answer breaks its schema") from exc
