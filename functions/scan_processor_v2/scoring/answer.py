"""The model's answer for a block of records: its shape and its schema."""

from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from functions.scan_processor_v2.reading.record import Sentiment
from shared.ai.prompt import bare, strict_schema

OpportunityType = Literal[
    "extra_income", "business", "investment", "insurance", "real_estate", "product", "other"
]


class AnswerPart(BaseModel):
    """The base of all parts of an answer: no other fields than the defined ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Finding(AnswerPart):
    """A finding, and the words of the record that show it."""

    finding: str
    evidence: str


class SentimentFinding(AnswerPart):
    """The person's sentiment, and the words that show it."""

    finding: Sentiment
    evidence: str


class OpportunityFinding(AnswerPart):
    """The kind of opportunity, and the words that show it."""

    finding: OpportunityType
    evidence: str


class ProspectAnswer(AnswerPart):
    """One person in the model's answer, not yet checked.

    `record` is the position of the record about this person. Name, contacts, company, quote, signals and keywords are
    the record's own words, so they are their own evidence; score and confidence are 0 to 100.
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


class Answer(AnswerPart):
    """The people of a block; a record may be about none or several."""

    prospects: list[ProspectAnswer]


class ImageAnswer(Answer):
    """The transcript of an image, line by line, and the people in it; `record` is the image's."""

    transcript: str


AnswerT = TypeVar("AnswerT", bound=Answer)


@cache
def schema_of(shape: type[Answer]) -> dict[str, Any]:
    """Return the schema of an answer, built at first use, because it takes 8 ms."""
    return strict_schema(shape, {})


def read_answer(text: str) -> Answer:
    """Return the model's answer for a block; raise ValueError if it does not match the schema."""
    return _read(Answer, text)


def read_image_answer(text: str) -> ImageAnswer:
    """Return the model's answer for an image; raise ValueError if it does not match the schema."""
    return _read(ImageAnswer, text)


def _read(shape: type[AnswerT], text: str) -> AnswerT:
    try:
        return shape.model_validate_json(bare(text))
    except ValidationError as exc:
        raise ValueError("the answer breaks its schema") from exc
