"""The OpenAPI document of the function: its fixed part from openapi.json, its request shapes from the code."""

from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from functions.generate_ai_content.content_types import CONTENT_TYPES
from functions.generate_ai_content.content_types.booking import BookingOutput
from functions.generate_ai_content.content_types.call import CallOutput
from functions.generate_ai_content.content_types.company_analysis import CompanyOutput
from functions.generate_ai_content.content_types.message import MESSAGE_TYPES, MessageOutput
from functions.generate_ai_content.content_types.objection import ObjectionOutput
from functions.generate_ai_content.content_types.referral import ReferralOutput
from functions.generate_ai_content.content_types.revival import RevivalOutput
from functions.generate_ai_content.content_types.social import SocialOutput
from functions.generate_ai_content.requests.schemas import (
    ACTION_ALIASES,
    Action,
    FlatRequest,
    OrchestratorRequest,
    PromptRequest,
)
from shared.http.openapi import Schema, any_of, assembled, model_schemas

FIXED = Path(__file__).with_suffix(".json")

FREE_SHAPES: tuple[type[BaseModel], ...] = (OrchestratorRequest, FlatRequest, PromptRequest)
OUTPUTS: tuple[type[BaseModel], ...] = (
    MessageOutput, ObjectionOutput, BookingOutput, RevivalOutput, ReferralOutput, CallOutput, SocialOutput,
    CompanyOutput,
)  # fmt: skip
OTHER_OUTPUTS = ("SequenceOutput", "DeckOutput", "DeepScanOutput", "OrchestratorOutput", "DeepIntelOutput")

CODES_OF_OTHERS = {"session_not_found", "scan_not_found", "chatbot_not_found", "conversation_not_found"}


@cache
def document() -> dict[str, Any]:
    """Return the document; it is built when it is first asked for, so that no cold start waits for it."""
    outputs = any_of([model.__name__ for model in OUTPUTS], OTHER_OUTPUTS)
    return assembled(FIXED, _shapes() | {"Output": outputs}, CODES_OF_OTHERS)


def _shapes() -> dict[str, Schema]:
    requests = [*(content.request_model for content in CONTENT_TYPES.values()), *FREE_SHAPES]
    schemas = model_schemas(requests, OUTPUTS)
    for content in CONTENT_TYPES.values():
        _tell_content(schemas[content.request_model.__name__], content.name)
    for name, field in (("OrchestratorConfig", "action"), ("FlatRequest", "generationType")):
        schemas[name]["properties"][field]["enum"] = [*get_args(Action), *ACTION_ALIASES]
    schemas["ObjectionOutput"]["properties"]["response"] = {
        "type": "string",
        "description": "The same as message.",
    }
    return schemas | {"Request": any_of(model.__name__ for model in requests)}


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
