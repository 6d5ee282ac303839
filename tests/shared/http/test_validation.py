"""Bad input as a clear error: each invalid field by its name, with the allowed values."""

import io
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, field_validator

from shared.errors import InvalidRequest
from shared.http.validation import parse
from shared.log import configure, logger


class Inner(BaseModel):
    """A nested object."""

    tone: Literal["warm", "direct"]


class Body(BaseModel):
    """The fields of a request."""

    name: str = Field(alias="fullName", max_length=5)
    count: Annotated[int, Field(ge=1, le=9)] = 1
    inner: Inner | None = None
    items: list[Inner] = []
    key: UUID | None = None

    @field_validator("count")
    @classmethod
    def _no_seven(cls, value: int) -> int:
        if value == 7:
            raise ValueError("Seven is taken.")
        return value


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """Yield what the logger writes; its configuration is restored after the test."""
    before = (logger.handlers[:], logger.level, logger.propagate)
    stream = io.StringIO()
    configure("INFO", stream)
    yield stream
    logger.handlers[:], logger.level, logger.propagate = before


def refused(body: dict[str, Any]) -> InvalidRequest:
    """Return the error of a body that is not valid."""
    with pytest.raises(InvalidRequest) as caught:
        parse(Body, body)
    return caught.value


# Body -> the error of its only invalid field.
FAULTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"field": "fullName", "message": "field required"}),
    ({"name": "Liza"}, {"field": "fullName", "message": "field required"}),
    ({"fullName": 5}, {"field": "fullName", "message": "input should be a valid string"}),
    ({"fullName": "x" * 6}, {"field": "fullName", "message": "string should have at most 5 characters"}),
    (
        {"fullName": "x", "count": 0},
        {"field": "count", "message": "input should be greater than or equal to 1"},
    ),
    ({"fullName": "x", "count": 7}, {"field": "count", "message": "seven is taken"}),
    (
        {"fullName": "x", "inner": {"tone": "loud"}},
        {
            "field": "inner.tone",
            "message": "not one of the allowed values",
            "allowed": ["warm", "direct"],
        },
    ),
    (
        {"fullName": "x", "items": [{"tone": "warm"}, {}]},
        {"field": "items.1.tone", "message": "field required"},
    ),
    ({"fullName": "x", "key": "<b>"}, {"field": "key", "message": "must be a UUID"}),
    ({"fullName": "x", "key": 5}, {"field": "key", "message": "must be a UUID"}),
]


@pytest.mark.parametrize(("body", "fault"), FAULTS)
def test_a_wrong_field_is_named_as_it_was_sent(body: dict[str, Any], fault: dict[str, Any]) -> None:
    """The error has the path in the JSON, a plain sentence and the allowed values where there are some."""
    error = refused(body)
    assert error.details == [fault]
    assert error.message.startswith(f"Invalid field '{fault['field']}': {fault['message']}.")


def test_the_sentence_lists_what_is_allowed() -> None:
    """The page shows only this sentence."""
    error = refused({"fullName": "x", "inner": {"tone": "loud"}})
    assert (
        error.message == "Invalid field 'inner.tone': not one of the allowed values. Allowed: warm, direct."
    )


def test_the_values_that_were_sent_are_not_repeated() -> None:
    """Neither the sentence nor the details contain them."""
    error = refused({"fullName": ["secret"], "count": "secret", "inner": {"tone": "secret"}, "key": "secret"})
    assert "secret" not in error.message + json.dumps(error.details)


def test_a_flood_of_faults_is_cut() -> None:
    """Twenty errors are enough to correct a body."""
    error = refused({"fullName": "x", "items": [{}] * 50})
    assert isinstance(error.details, list)
    assert len(error.details) == 20


def test_a_valid_body_is_given_as_the_model(output: io.StringIO) -> None:
    """The model has its defaults, and nothing is logged."""
    body = parse(Body, {"fullName": "Liza"})
    assert (body.name, body.count, body.inner) == ("Liza", 1, None)
    assert output.getvalue() == ""


def test_unknown_fields_are_logged_once_by_name(output: io.StringIO) -> None:
    """One event has at most twenty names, and none of the values."""
    unknown = {f"field_{number:02}": "secret" for number in range(30)}
    assert parse(Body, {"fullName": "Liza"} | unknown).name == "Liza"
    (line,) = output.getvalue().splitlines()
    event = json.loads(line)
    assert (event["event"], event["model"]) == ("request.unknown_fields", "Body")
    assert event["fields"] == sorted(unknown)[:20]
    assert "secret" not in line
