"""A function's document: FastAPI's of its routes, the schemas of its models, and the refusals of the tree of errors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared import errors
from shared.errors import NexscoutError, WaitingHelps
from shared.http.openapi.models import COMMON
from shared.http.openapi.operation import (
    COMMON_HEADERS,
    HEADERS,
    HEALTH,
    PARAMETERS,
    SECURITY_SCHEMES,
    USER,
    Operation,
    Schema,
    reference,
)

Document = dict[str, Any]
Refusals = Mapping[int, Sequence[type[NexscoutError]]]

NOBODY_READS = 499
"""The status of a client that went away is for the log alone."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """A function as its document tells of it: an operation for each endpoint of its router, and what these name.

    `codes_of_others` are the errors that this function never answers with; the tree of errors has all others.
    """

    name: str
    description: str
    router: APIRouter
    operations: Mapping[Callable[..., Any], Operation]
    schemas: Mapping[str, Schema]
    security: Sequence[Schema] = USER
    codes_of_others: frozenset[str] = frozenset()


def document_of(described: Described) -> Document:
    """Return the document of a function.

    Raises:
        KeyError: nothing is told of one of its routes.
    """
    generated = get_openapi(
        title=described.name,
        version="1",
        description=described.description,
        servers=[{"url": "/"}],
        routes=_routes(described).routes,
    )
    refusals = _refusals(described.codes_of_others)
    components = {
        "securitySchemes": SECURITY_SCHEMES,
        "parameters": PARAMETERS,
        "headers": HEADERS,
        "responses": {str(status): _refusal(kinds) for status, kinds in refusals.items()},
        "schemas": {**model_schemas(replies=COMMON), **described.schemas},
    }
    components["schemas"]["Health"]["properties"]["function"] = {"const": described.name}
    paths = {path: _operations(methods, refusals) for path, methods in generated["paths"].items()}
    return {**generated, "security": list(described.security), "paths": paths, "components": components}


def model_schemas(
    requests: Iterable[type[BaseModel]] = (), replies: Iterable[type[BaseModel]] = ()
) -> dict[str, Schema]:
    """Return the schemas of what is sent and of what is given, by the names of the models."""
    _, generated = models_json_schema(
        [*((model, "validation") for model in requests), *((model, "serialization") for model in replies)],
        by_alias=True,
        ref_template=reference("{model}")["$ref"],
    )
    return {name: _plain(schema) for name, schema in generated["$defs"].items()}


def _routes(described: Described) -> APIRouter:
    """Return the routes with what is told of them, and the one for the health, which every app adds."""
    told = APIRouter(prefix=f"/functions/v1/{described.name}")
    for route in described.router.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            _add(told, route, described.operations[route.endpoint])
    _add(told, APIRoute("/health", lambda: None, name="health", methods=["GET"]), HEALTH)
    return told


def _add(told: APIRouter, route: APIRoute, operation: Operation) -> None:
    first, *others = route.name.split("_")
    told.add_api_route(
        route.path,
        route.endpoint,
        methods=sorted(route.methods or ()),
        operation_id=first + "".join(map(str.capitalize, others)),
        summary=operation.summary,
        description=operation.description,
        responses={status: dict(given) for status, given in operation.gives.items()},
        openapi_extra=operation.extra(),
    )


def _operations(methods: Mapping[str, Schema], refusals: Refusals) -> dict[str, Schema]:
    """Add to each operation of a path what it can be refused with; an open one can only break."""
    told: dict[str, Schema] = _plain(methods)
    for operation in told.values():
        possible = [500] if operation.get("security") == [] else refusals
        refused = {str(status): reference(str(status), "responses") for status in possible}
        # What FastAPI would answer to a wrong path is an error of ours.
        operation["responses"] = refused | {
            status: given for status, given in operation["responses"].items() if "headers" in given
        }
    return told


def _plain(node: Any) -> Any:  # noqa: ANN401  # any part of a schema
    """Return a part of a schema without the titles that only repeat the names."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if key != "title" or not isinstance(value, str)}
        return {key: _plain(value) for key, value in kept.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _refusals(codes_of_others: frozenset[str]) -> Refusals:
    kinds = (
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NexscoutError)
    )
    by_status: dict[int, list[type[NexscoutError]]] = {}
    for kind in kinds:
        told = kind not in {NexscoutError, WaitingHelps}
        if told and kind.status != NOBODY_READS and kind.code not in codes_of_others:
            by_status.setdefault(kind.status, []).append(kind)
    return dict(sorted(by_status.items()))


def _refusal(kinds: Sequence[type[NexscoutError]]) -> Schema:
    headers = dict(COMMON_HEADERS)
    if any(issubclass(kind, WaitingHelps) for kind in kinds):
        headers["retry-after"] = reference("RetryAfter", "headers")
    codes = {"properties": {"code": {"enum": [kind.code for kind in kinds]}}}
    return {
        "description": " ".join(f"`{kind.code}`: {(kind.__doc__ or '').splitlines()[0]}" for kind in kinds),
        "headers": headers,
        "content": {"application/json": {"schema": {"allOf": [reference("Error"), codes]}}},
    }
