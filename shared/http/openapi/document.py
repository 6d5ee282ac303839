"""A function's document: its routes by FastAPI, the schemas of its models, and its errors from shared/errors.py."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared import errors
from shared.errors import NexscoutError, RetryLater
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
"""The status of a disconnected client, which only the log shows."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a function says of itself for its document: an operation for each endpoint, and the schemas they name.

    `codes_of_others` are the errors that this function never returns; it may return all others of shared/errors.py.
    """

    name: str
    description: str
    router: APIRouter
    operations: Mapping[Callable[..., Any], Operation]
    schemas: Mapping[str, Schema]
    security: Sequence[Schema] = USER
    codes_of_others: frozenset[str] = frozenset()


def document_of(description: Description) -> Document:
    """Return the document of a function.

    Raises:
        KeyError: a route has no operation.
    """
    generated = get_openapi(
        title=description.name,
        version="1",
        description=description.description,
        servers=[{"url": "/"}],
        routes=_routes(description).routes,
    )
    refusals = _refusals(description.codes_of_others)
    components = {
        "securitySchemes": SECURITY_SCHEMES,
        "parameters": PARAMETERS,
        "headers": HEADERS,
        "responses": {str(status): _refusal(kinds) for status, kinds in refusals.items()},
        "schemas": {**model_schemas(replies=COMMON), **description.schemas},
    }
    components["schemas"]["Health"]["properties"]["function"] = {"const": description.name}
    paths = {path: _operations(methods, refusals) for path, methods in generated["paths"].items()}
    return {**generated, "security": list(description.security), "paths": paths, "components": components}


def model_schemas(
    requests: Iterable[type[BaseModel]] = (), replies: Iterable[type[BaseModel]] = ()
) -> dict[str, Schema]:
    """Return the schemas of request and reply models by their names."""
    _, generated = models_json_schema(
        [*((model, "validation") for model in requests), *((model, "serialization") for model in replies)],
        by_alias=True,
        ref_template=reference("{model}")["$ref"],
    )
    return {name: _plain(schema) for name, schema in generated["$defs"].items()}


def _routes(description: Description) -> APIRouter:
    """Return the routes with their operations, and the health route, which every app has."""
    routes = APIRouter(prefix=f"/functions/v1/{description.name}")
    for route in description.router.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            _add(routes, route, description.operations[route.endpoint])
    _add(routes, APIRoute("/health", lambda: None, name="health", methods=["GET"]), HEALTH)
    return routes


def _add(routes: APIRouter, route: APIRoute, operation: Operation) -> None:
    first, *others = route.name.split("_")
    routes.add_api_route(
        route.path,
        route.endpoint,
        methods=sorted(route.methods or ()),
        operation_id=first + "".join(map(str.capitalize, others)),
        summary=operation.summary,
        description=operation.description,
        responses={status: dict(reply) for status, reply in operation.replies.items()},
        openapi_extra=operation.extra(),
    )


def _operations(methods: Mapping[str, Schema], refusals: Refusals) -> dict[str, Schema]:
    """Return the operations of a path with their errors added; one without sign-in has only internal errors."""
    operations: dict[str, Schema] = _plain(methods)
    for operation in operations.values():
        possible = [500] if operation.get("security") == [] else refusals
        refused = {str(status): reference(str(status), "responses") for status in possible}
        # FastAPI's own errors are replaced by ours.
        operation["responses"] = refused | {
            status: reply for status, reply in operation["responses"].items() if "headers" in reply
        }
    return operations


def _plain(node: Any) -> Any:  # noqa: ANN401  # any part of a schema
    """Return a part of a schema without titles, which only repeat the names."""
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
        concrete = kind not in {NexscoutError, RetryLater}
        if concrete and kind.status != NOBODY_READS and kind.code not in codes_of_others:
            by_status.setdefault(kind.status, []).append(kind)
    return dict(sorted(by_status.items()))


def _refusal(kinds: Sequence[type[NexscoutError]]) -> Schema:
    headers = dict(COMMON_HEADERS)
    if any(issubclass(kind, RetryLater) for kind in kinds):
        headers["retry-after"] = reference("RetryAfter", "headers")
    codes = {"properties": {"code": {"enum": [kind.code for kind in kinds]}}}
    return {
        "description": " ".join(f"`{kind.code}`: {(kind.__doc__ or '').splitlines()[0]}" for kind in kinds),
        "headers": headers,
        "content": {"application/json": {"schema": {"allOf": [reference("Error"), codes]}}},
    }
