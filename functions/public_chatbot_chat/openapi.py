"""The OpenAPI document of the function: its fixed part from openapi.json, its request shapes from the code."""

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from functions.public_chatbot_chat.schemas import AssistantRequest, TransformRequest, VisitorRequest
from shared.http.openapi import any_of, assembled, model_schemas

FIXED = Path(__file__).with_suffix(".json")

SHAPES: tuple[type[BaseModel], ...] = (VisitorRequest, AssistantRequest, TransformRequest)

CODES_OF_OTHERS = {
    "unknown_generation_type",
    "unknown_model",
    "scan_not_found",
    "scan_failed",
    "request_not_found",
}


@cache
def document() -> dict[str, Any]:
    """Return the document; it is built when it is first asked for, so that no cold start waits for it."""
    schemas = model_schemas(SHAPES)
    # By this field the two shapes of a signed-in user are told apart.
    schemas["TransformRequest"]["properties"]["transformMode"] = {"const": True}
    schemas["AssistantRequest"]["properties"]["transformMode"] = {"enum": [False, None]}
    return assembled(
        FIXED, schemas | {"Request": any_of(shape.__name__ for shape in SHAPES)}, CODES_OF_OTHERS
    )
