"""The rules that Structured Outputs sets for a schema before it is used.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas (read 2026-11-22).
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FORBIDDEN = ("allOf", "oneOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else")
Context = tuple[str, ...]


def check_schema(wanted: object) -> str | None:
    """Return the provider's complaint about a `json_schema` format; None if it would accept it."""
    return _check(json.dumps(wanted))


# Callers send the same few schemas again and again, and checking one takes 3 ms.
@lru_cache(maxsize=256)
def _check(text: str) -> str | None:
    wanted = json.loads(text)
    if not isinstance(wanted, dict) or not isinstance(wanted.get("schema"), dict):
        return "Missing required parameter: 'response_format.json_schema'."
    name = wanted.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "Invalid 'response_format.json_schema.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
    schema = wanted["schema"]
    if schema.get("type") != "object":
        return f"Invalid schema for response_format '{name}': schema must be of 'type: \"object\"'."
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"Invalid schema for response_format '{name}': {error.message}"
    if not wanted.get("strict"):
        return None
    said = next(_complaints(schema, ()), None)
    return said if said is None else f"Invalid schema for response_format '{name}': {said}"


def _complaints(schema: dict[str, Any], context: Context) -> Iterator[str]:
    for word in _FORBIDDEN:
        if word in schema:
            yield f"In context={context}, '{word}' is not permitted."
    if "properties" in schema or schema.get("type") == "object":
        yield from _object_complaints(schema, context)
    for key, child in _children(schema):
        yield from _complaints(child, (*context, *key))


def _object_complaints(schema: dict[str, Any], context: Context) -> Iterator[str]:
    if schema.get("additionalProperties") is not False:
        yield f"In context={context}, 'additionalProperties' is required to be supplied and to be false."
    missing = sorted(set(schema.get("properties", {})) - set(schema.get("required", [])))
    if missing:
        yield (
            f"In context={context}, 'required' is required to be supplied and to be an array including "
            f"every key in properties. Missing '{missing[0]}'."
        )


def _children(schema: dict[str, Any]) -> Iterator[tuple[Context, dict[str, Any]]]:
    for group in ("properties", "$defs", "definitions"):
        for name, child in schema.get(group, {}).items():
            yield (group, name), child
    if isinstance(schema.get("items"), dict):
        yield ("items",), schema["items"]
    for index, child in enumerate(schema.get("anyOf", [])):
        yield ("anyOf", str(index)), child
