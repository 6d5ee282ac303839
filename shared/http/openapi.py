"""A function's OpenAPI document: what all functions share, what one says of itself, and what the code knows."""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared import errors
from shared.errors import NexscoutError, WaitingHelps

COMMON = Path(__file__).with_suffix(".json")
REFERENCE = "#/components/schemas/{model}"

NOBODY_READS = 499
"""The status of a client that went away is for the log alone."""

Schema = dict[str, Any]


def assembled(fixed: Path, schemas: Mapping[str, Schema], codes_of_others: Collection[str]) -> dict[str, Any]:
    """Return the document of the function that `info.title` of its fixed part names.

    `codes_of_others` are the errors that this function never answers with; the tree of errors has all others.
    """
    common, built = _read(COMMON), _read(fixed)
    name = built["info"]["title"]
    for path, operations in common["paths"].items():
        built["paths"][f"/functions/v1/{name}{path}"] = operations
    own = built["components"]["schemas"]
    built["components"] = common["components"]
    built["components"]["schemas"] |= own | schemas
    built["components"]["schemas"]["Health"]["properties"]["function"] = {"const": name}
    _tell_errors(built, codes_of_others)
    return built


def any_of(*names: Iterable[str]) -> Schema:
    """Return the schema of what is as one of the named ones tells."""
    return {"anyOf": [{"$ref": REFERENCE.format(model=name)} for group in names for name in group]}


def model_schemas(
    requests: Iterable[type[BaseModel]], outputs: Iterable[type[BaseModel]] = ()
) -> dict[str, Schema]:
    """Return the schemas of what is sent and of the results that are given as the model gave them."""
    _, generated = models_json_schema(
        [*((model, "validation") for model in requests), *((model, "serialization") for model in outputs)],
        by_alias=True,
        ref_template=REFERENCE,
    )
    return {name: _plain(schema) for name, schema in generated["$defs"].items()}


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_bytes())
    return read


def _plain(node: Any) -> Any:  # noqa: ANN401  # any part of a schema
    """Return a part of a schema without the titles that only repeat the names."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if key != "title" or not isinstance(value, str)}
        return {key: _plain(value) for key, value in kept.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _tell_errors(document: dict[str, Any], codes_of_others: Collection[str]) -> None:
    """Add to each operation what it can be refused with; an open one can only break."""
    by_status = _errors_by_status(codes_of_others)
    document["components"]["responses"] = {
        str(status): _error_reply(kinds) for status, kinds in by_status.items()
    }
    for path in document["paths"].values():
        for operation in path.values():
            told = by_status if operation.get("security") != [] else [500]
            operation["responses"] |= {
                str(status): {"$ref": f"#/components/responses/{status}"} for status in told
            }


def _errors_by_status(codes_of_others: Collection[str]) -> dict[int, list[type[NexscoutError]]]:
    kinds = (
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NexscoutError)
    )
    by_status: dict[int, list[type[NexscoutError]]] = {}
    for kind in kinds:
        told = kind not in {NexscoutError, WaitingHelps}
        if told and kind.status != NOBODY_READS and kind.code not in codes_of_others:
            by_status.setdefault(kind.status, []).append(kind)
    return dict(sorted(by_status.items()))


def _error_reply(kinds: Iterable[type[NexscoutError]]) -> Mapping[str, Any]:
    kinds = list(kinds)
    headers: dict[str, Any] = {
        "x-request-id": {"$ref": "#/components/headers/RequestId"},
        "server-timing": {"$ref": "#/components/headers/ServerTiming"},
    }
    if any(issubclass(kind, WaitingHelps) for kind in kinds):
        headers["retry-after"] = {"$ref": "#/components/headers/RetryAfter"}
    codes = {"properties": {"code": {"enum": [kind.code for kind in kinds]}}}
    schema = {"allOf": [{"$ref": REFERENCE.format(model="Error")}, codes]}
    return {
        "description": " ".join(f"`{kind.code}`: {(kind.__doc__ or '').splitlines()[0]}" for kind in kinds),
        "headers": headers,
        "content": {"application/json": {"schema": schema}},
    }
