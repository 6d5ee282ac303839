"""Bad input as a clear error: each wrong field by its name, with what it may be."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.errors import FieldFault, InvalidRequest
from shared.log import log_event

Model = TypeVar("Model", bound=BaseModel)

MOST_FAULTS = 20
MOST_UNKNOWN = 20


def parse(model: type[Model], body: Mapping[str, Any]) -> Model:
    """Return the body as the model; fields it does not know are ignored, with one log event.

    Raises:
        InvalidRequest: with a fault for each field that is missing or wrong.
    """
    known = {field.alias or name for name, field in model.model_fields.items()}
    if unknown := sorted(set(body) - known):
        log_event("request.unknown_fields", model=model.__name__, fields=unknown[:MOST_UNKNOWN])
    try:
        return model.model_validate(body)
    except ValidationError as exc:
        raise invalid(exc) from None


def invalid(error: ValidationError) -> InvalidRequest:
    """Return the error of the contract; the values that were sent are not repeated."""
    faults = [_fault(detail) for detail in error.errors(include_input=False, include_url=False)[:MOST_FAULTS]]
    return InvalidRequest(_sentence(faults), details=faults)


def _sentence(faults: list[FieldFault]) -> str:
    first = faults[0]
    allowed = f" Allowed: {', '.join(first['allowed'])}." if "allowed" in first else ""
    return f"Invalid field '{first['field']}': {first['message']}.{allowed}"


def _fault(detail: ErrorDetails) -> FieldFault:
    fault = FieldFault(field=_path(detail["loc"]) or "body", message=_message(detail))
    if detail["type"] in {"literal_error", "enum"}:
        fault["allowed"] = re.findall(r"'([^']*)'", str(detail["ctx"]["expected"]))
        fault["message"] = "not one of the allowed values"
    return fault


def _message(detail: ErrorDetails) -> str:
    if detail["type"] in {"uuid_parsing", "uuid_type"}:
        # Pydantic's own words repeat a piece of what was sent, or name types of Python.
        return "must be a UUID"
    message = detail["msg"].removeprefix("Value error, ").rstrip(".")
    return message[:1].lower() + message[1:]


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
