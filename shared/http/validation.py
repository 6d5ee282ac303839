"""Invalid input as an error that names each invalid field and its allowed values."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.errors import FieldError, InvalidRequest
from shared.log import log_event

Model = TypeVar("Model", bound=BaseModel)

MAX_FIELD_ERRORS = 20
MAX_UNKNOWN_FIELDS = 20


def parse(model: type[Model], body: Mapping[str, Any]) -> Model:
    """Return the body as the model; unknown fields are ignored and logged once.

    Raises:
        InvalidRequest: fields are missing or invalid; each is listed.
    """
    known = {field.alias or name for name, field in model.model_fields.items()}
    if unknown := sorted(set(body) - known):
        log_event("request.unknown_fields", model=model.__name__, fields=unknown[:MAX_UNKNOWN_FIELDS])
    try:
        return model.model_validate(body)
    except ValidationError as exc:
        raise invalid(exc) from None


def invalid(error: ValidationError) -> InvalidRequest:
    """Return the contract's error of a validation error, without the values that were sent."""
    errors = [
        _field_error(detail)
        for detail in error.errors(include_input=False, include_url=False)[:MAX_FIELD_ERRORS]
    ]
    return InvalidRequest(_sentence(errors), details=errors)


def _sentence(errors: list[FieldError]) -> str:
    first = errors[0]
    allowed = f" Allowed: {', '.join(first['allowed'])}." if "allowed" in first else ""
    return f"Invalid field '{first['field']}': {first['message']}.{allowed}"


def _field_error(detail: ErrorDetails) -> FieldError:
    error = FieldError(field=_path(detail["loc"]) or "body", message=_message(detail))
    if detail["type"] in {"literal_error", "enum"}:
        error["allowed"] = re.findall(r"'([^']*)'", str(detail["ctx"]["expected"]))
        error["message"] = "not one of the allowed values"
    return error


def _message(detail: ErrorDetails) -> str:
    if detail["type"] in {"uuid_parsing", "uuid_type"}:
        # Pydantic's own message repeats a part of the value, or names types of Python.
        return "must be a UUID"
    message = detail["msg"].removeprefix("Value error, ").rstrip(".")
    return message[:1].lower() + message[1:]


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
