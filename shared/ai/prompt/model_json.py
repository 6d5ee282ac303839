"""The JSON in a model's answer: JSON mode and compatible servers may wrap it in a code fence."""

import re
from typing import Any

from pydantic_core import from_json

_FENCED = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)


def bare(text: str) -> str:
    """Return the JSON without a code fence, and without null characters, which PostgreSQL cannot store."""
    fenced = _FENCED.fullmatch(text)
    return (fenced[1] if fenced else text).replace("\\u0000", "")


def object_of(text: str) -> dict[str, Any]:
    """Return the JSON object of a text; raise ValueError for anything else and for an empty object."""
    value = from_json(bare(text), allow_inf_nan=False)
    if not isinstance(value, dict) or not value:
        raise ValueError("not a JSON object with fields")
    return value
