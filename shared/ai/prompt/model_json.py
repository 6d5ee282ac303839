"""The JSON in what a model wrote, which JSON mode and compatible servers do not always leave alone."""

import re
from typing import Any

from pydantic_core import from_json

_FENCED = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)


def bare(text: str) -> str:
    """Return the JSON without the code fence around it, and without null characters, which no database row can hold."""
    fenced = _FENCED.fullmatch(text)
    return (fenced[1] if fenced else text).replace("\\u0000", "")


def object_of(text: str) -> dict[str, Any]:
    """Return the JSON object; raises ValueError for anything else, also for an empty one."""
    value = from_json(bare(text), allow_inf_nan=False)
    if not isinstance(value, dict) or not value:
        raise ValueError("not a JSON object with fields")
    return value
