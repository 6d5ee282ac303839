"""The JSON schema of a result in the form that strict structured outputs require."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

# The strict subset has no lengths of strings; the validation of the result checks them.
# https://platform.openai.com/docs/guides/structured-outputs#supported-schemas (read 2026-11-22)
_OMITTED = {"title", "description", "default", "minLength", "maxLength"}


def strict_schema(output: type[BaseModel], counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the schema: all fields required and no others; `counts` fixes the length of lists by field name."""
    schema: dict[str, Any] = _strict(output.model_json_schema())
    for name, count in counts.items():
        schema["properties"][name] |= {"minItems": count, "maxItems": count}
    return schema


def _strict(node: Any, *, names: bool = False) -> Any:  # noqa: ANN401  # any part of a schema
    """Return a part of the schema; with `names` its keys are names, as in `properties` and `$defs`: none is omitted."""
    if isinstance(node, dict):
        return {
            key: _strict(value, names=not names and key in {"properties", "$defs"})
            for key, value in node.items()
            if names or key not in _OMITTED
        }
    if isinstance(node, list):
        return [_strict(item) for item in node]
    return node
