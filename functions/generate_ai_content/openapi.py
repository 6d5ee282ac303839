"""The OpenAPI document of the function: its fixed part from openapi.json, its request shapes from the code."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from functions.generate_ai_content.content_types import CONTENT_TYPES
from functions.generate_ai_content.content_types.booking import BookingOutput
from functions.generate_ai_content.content_types.call import CallOutput
from functions.generate_ai_content.content_types.company_analysis import CompanyOutput
from functions.generate_ai_content.content_types.message import MESSAGE_TYPES, MessageOutput
from functions.generate_ai_content.content_types.objection import ObjectionOutput
from functions.generate_ai_content.content_types.referral import ReferralOutput
from functions.generate_ai_content.content_types.revival import RevivalOutput
from functions.generate_ai_content.content_types.social import SocialOutput
from functions.generate_ai_content.schemas import (
    ACTION_ALIASES,
    Action,
    FlatRequest,
    OrchestratorRequest,
    PromptRequest,
)
from shared import errors
from shared.errors import NexscoutError, WaitingHelps

FIXED = Path(__file__).with_suffix(".json")
REFERENCE = "#/components/schemas/{model}"

FREE_SHAPES: tuple[type[BaseModel], ...] = (OrchestratorRequest, FlatRequest, PromptRequest)
OUTPUTS: tuple[type[BaseModel], ...] = (
    MessageOutput, ObjectionOutput, BookingOutput, RevivalOutput, ReferralOutput, CallOutput, SocialOutput,
    CompanyOutput,
)  # fmt: skip
OTHER_OUTPUTS = ("SequenceOutput", "DeckOutput", "DeepScanOutput", "OrchestratorOutput", "DeepIntelOutput")

OTHER_FUNCTIONS = {"session_not_found", "scan_not_found", "chatbot_not_found", "conversation_not_found"}
NOBODY_READS = 499
"""The status of a client that went away is for the log alone."""

Schema = dict[str, Any]


@cache
def document() -> dict[str, Any]:
    """Give the document; it is built when it is first asked for, so that no cold start waits for it."""
    built: dict[str, Any] = json.loads(FIXED.read_bytes())
    components = built["components"]
    components["schemas"] |= _shapes() | {
        "Output": _any_of([model.__name__ for model in OUTPUTS], OTHER_OUTPUTS)
    }
    by_status = _errors_by_status()
    components["responses"] = {str(status): _error_reply(kinds) for status, kinds in by_status.items()}
    for path in built["paths"].values():
        for operation in path.values():
            told = by_status if operation.get("security") != [] else [500]
            operation["responses"] |= {
                str(status): {"$ref": f"#/components/responses/{status}"} for status in told
            }
    return built


def _any_of(*names: Iterable[str]) -> Schema:
    return {"anyOf": [{"$ref": REFERENCE.format(model=name)} for group in names for name in group]}


def _shapes() -> dict[str, Schema]:
    """Give the schemas of what is sent and of the results that are given as the model gave them."""
    requests = [*(content.request for content in CONTENT_TYPES.values()), *FREE_SHAPES]
    _, generated = models_json_schema(
        [*((model, "validation") for model in requests), *((model, "serialization") for model in OUTPUTS)],
        by_alias=True,
        ref_template=REFERENCE,
    )
    schemas: dict[str, Schema] = {name: _plain(schema) for name, schema in generated["$defs"].items()}
    for content in CONTENT_TYPES.values():
        _tell_content(schemas[content.request.__name__], content.name)
    for name, field in (("OrchestratorConfig", "action"), ("FlatRequest", "generationType")):
        schemas[name]["properties"][field]["enum"] = [*get_args(Action), *ACTION_ALIASES]
    schemas["ObjectionOutput"]["properties"]["response"] = {
        "type": "string",
        "description": "The same as message.",
    }
    return schemas | {"Request": _any_of(model.__name__ for model in requests)}


def _plain(node: Any) -> Any:  # noqa: ANN401  # any part of a schema
    """Give a part of a schema without the titles that only repeat the names."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if key != "title" or not isinstance(value, str)}
        return {key: _plain(value) for key, value in kept.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _tell_content(schema: Schema, name: str) -> None:
    """Tell of a content shape what its model leaves to the routes and to validators."""
    properties = schema["properties"]
    names = (
        [name, *(kind for kind in MESSAGE_TYPES if kind not in CONTENT_TYPES)]
        if name == "message"
        else [name]
    )
    properties["generationType"]["enum"] = names
    properties["stream"] = {"type": "boolean", "default": False}
    for field, other in (("goal", "intent"), ("deckType", "version")):
        if field in properties:
            properties[other] = properties[field] | {"description": f"Another name of {field}."}
    if properties["prospectId"].get("type") == "null":
        del properties["prospectId"]


def _errors_by_status() -> dict[int, list[type[NexscoutError]]]:
    """Give what a call can be refused with, by status; the tree of errors is the only list of codes."""
    kinds = (
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NexscoutError)
    )
    by_status: dict[int, list[type[NexscoutError]]] = {}
    for kind in kinds:
        told = kind not in {NexscoutError, WaitingHelps}
        if told and kind.status != NOBODY_READS and kind.code not in OTHER_FUNCTIONS:
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
