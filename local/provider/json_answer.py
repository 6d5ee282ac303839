"""Fills a JSON schema with what a prompt says."""

from dataclasses import dataclass
from typing import Any

from local.provider import data, fields
from local.provider.reading import Reading, is_name

Schema = dict[str, Any]
_USUAL_ITEMS = 3
_DEEPEST = 12


@dataclass(frozen=True)
class Place:
    """The position of a value in the answer: its property's name, its index among its siblings, its depth."""

    name: str = ""
    index: int = 0
    depth: int = 0

    def under(self, name: str) -> "Place":
        """Return the place of a property of this object; a finding is named by what it is a finding of."""
        return Place(self.name if name == "finding" else name, self.index, self.depth + 1)

    def item(self, index: int) -> "Place":
        """Return the place of an item of this array."""
        return Place(self.name, index, self.depth + 1)


def fill(schema: Schema, reading: Reading) -> Any:  # noqa: ANN401  # a schema may ask for any JSON
    """Return a value that the schema admits, made from the prompt's names, numbers and spans."""
    return _value(schema, schema, reading, Place())


def schema_in(text: str) -> Schema | None:
    """Return the first JSON schema of an object in the text, bare or as the `schema` of a wrapper."""
    for candidate in data.split(text)[1]:
        schema = candidate.get("schema", candidate)
        if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
            return schema
    return None


def _value(schema: Schema, root: Schema, reading: Reading, place: Place) -> Any:  # noqa: ANN401
    schema = _plain(schema, root, place)
    match _kind(schema):
        case "const":
            return schema["const"]
        case "object":
            return _object(schema, root, reading, place)
        case "array":
            return _array(schema, root, reading, place)
        case kind:
            return _scalar(kind, schema, reading, place)


def _scalar(kind: str, schema: Schema, reading: Reading, place: Place) -> Any:  # noqa: ANN401
    match kind:
        case "enum":
            return fields.choice(schema["enum"], reading, place.name, place.index)
        case "string":
            return fields.string(schema, reading, place.name, place.index)
        case "integer" | "number":
            return fields.number(schema, reading, place.name, place.index, whole=kind == "integer")
        case "boolean":
            return place.index == 0
    return None


def _plain(schema: Schema, root: Schema, place: Place) -> Schema:
    """Return the schema without references and with the first of its alternatives; null at a great depth."""
    while "$ref" in schema or "anyOf" in schema or "oneOf" in schema:
        if "$ref" in schema:
            schema = _referred(schema["$ref"], root)
            continue
        options = [
            _referred(option["$ref"], root) if "$ref" in option else option for option in _options(schema)
        ]
        nulls = [option for option in options if option.get("type") == "null"]
        schema = nulls[0] if nulls and place.depth > _DEEPEST else next(o for o in options if o not in nulls)
    return schema


def _options(schema: Schema) -> list[Schema]:
    options: list[Schema] = schema.get("anyOf") or schema["oneOf"]
    return options


def _referred(reference: str, root: Schema) -> Schema:
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        found = found[part] if part else found
    return dict(found)


def _kind(schema: Schema) -> str:
    fixed = next((word for word in ("const", "enum") if word in schema), None)
    if fixed is not None:
        return fixed
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((name for name in kind if name != "null"), "null")
    if kind is None:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _object(schema: Schema, root: Schema, reading: Reading, place: Place) -> dict[str, Any]:
    properties: dict[str, Schema] = schema.get("properties", {})
    wanted = set(properties) if place.depth <= _DEEPEST else set(schema.get("required", []))
    return {
        name: _value(child, root, reading, place.under(name))
        for name, child in properties.items()
        if name in wanted
    }


def _array(schema: Schema, root: Schema, reading: Reading, place: Place) -> list[Any]:
    items = _plain(schema.get("items", {"type": "string"}), root, place)
    people = reading.records if any(is_name(name) for name in items.get("properties", {})) else ()
    asked = len(people) or reading.number_of(place.name) or fields.natural_count(reading, place.name)
    least, most = schema.get("minItems", 0), schema.get("maxItems", max(100, len(people)))
    usual = _USUAL_ITEMS if reading.about_one is None else 1
    count = min(max(usual if asked is None else asked, least), most)
    if place.depth > _DEEPEST:
        count = least
    return [
        _value(
            items, root, reading.about(people[index]) if index < len(people) else reading, place.item(index)
        )
        for index in range(count)
    ]
