"""The types of fields in request shapes."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel


def _blank_to_none(value: object) -> object:
    """Return None for an empty text, because forms send empty fields."""
    return None if isinstance(value, str) and not value.strip() else value


Blank = BeforeValidator(_blank_to_none)
ShortText = Annotated[str | None, Field(max_length=500), Blank]
LongText = Annotated[str | None, Field(max_length=20_000), Blank]
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
OutputTokens = Annotated[int, Field(ge=1, le=200_000)]


class Shape(BaseModel):
    """A request shape: camelCase on the wire, unknown fields ignored, immutable."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True, protected_namespaces=())
