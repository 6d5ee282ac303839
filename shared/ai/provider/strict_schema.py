"""The JSON schema of a result in the form that strict structured outputs take."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

# Lengths of strings are no part of the strict subset; they are checked when the result is validated.
# https://platform.openai.com/docs/guides/structured-outputs#supported-schemas (read 2026-11-22)
_LEFT_OUT = {"title", "description", "default", "minLength", "maxLength"}


def strict_schema(output: type[BaseModel], counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the schema: every field required, nothing besides; `counts` fixes the length of lists by their names."""
    schema: dict[str, Any] = _strict(output.model_json_schema())
    for name, count in counts.items():
        schema["properties"][name] |= {"minItems": count, "maxItems": count}
    return schema


def _strict(node: Any, *, names: bool = False) -> Any:  # noqa: ANN401  # any part of a schema
    """Return a part of the schema; the keys of `properties` and `$defs` are `names`, which stay whatever they are."""
    if isinstance(node, dict):
        return {
            key: _strict(value, names=not names and key in {"properties", "$defs"})
            for key, value in node.items()
            if names or key not in _LEFT_OUT
        }
    if isinstance(node, list):
        return [_strict(item) for item in node]
    return node
