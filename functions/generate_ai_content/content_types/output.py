"""What every result has in common: exactly the fields of its model."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Text = Annotated[str, Field(min_length=1)]


class Output(BaseModel):
    """A result as the model must return it: exactly these fields, camelCase, no conversions of types."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)
