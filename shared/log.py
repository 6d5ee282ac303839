"""Structured logs: one JSON line per event, with its name and fields, without secrets or people's words."""

import json
import logging
import math
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TextIO
from uuid import UUID

logger = logging.getLogger("nexscout")

MAX_TEXT = 500
MAX_DEPTH = 6

# A long text is cut before the search, so that no input makes logging slow.
_MAX_SEARCHED = 4 * MAX_TEXT

_SECRETS = re.compile(
    r"""
      \bsb_(?:secret|publishable)_[\w-]+          # keys of a project
    | \bBearer\s+\S+
    | \beyJ[\w-]{4,}(?:\.[\w-]*){1,2}             # JWTs, also cut ones
    | \bsk-[\w-]{6,}                              # keys of the providers
    | (?<=://)[^\s/@]{1,256}@                     # user and password in an address
    | [\w.+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+
    | \+\d(?:[\s().-]{0,2}\d){7,13}\b             # international phone numbers
    | (?<![\w.-])(?:63|0)[\s.-]?9\d{2}[\s.-]?\d{3}[\s.-]?\d{4}(?![\w-])   # Philippine mobile numbers
    | (?<![\w.-])\(?\d{2,3}\)?[\s.-]\d{3,4}[\s.-]\d{4}(?![\w-])           # area code, then the number
    """,
    re.VERBOSE | re.IGNORECASE,
)

_PRIVATE_NAME = re.compile(
    r"(?:^|_)(?:token|authorization|api_?key|key|secret|password|cookie|prompt|message|content|text|body"
    r"|instruction|email|phone|contact|full_name|visitor_name)s?$"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def redact(text: str) -> str:
    """Return the text, cut to `MAX_TEXT`, with all known forms of secrets and contacts replaced."""
    return _SECRETS.sub("[redacted]", text[:_MAX_SEARCHED])[:MAX_TEXT]


@lru_cache(maxsize=1024)
def _is_private(name: str) -> bool:
    return _PRIVATE_NAME.search(_HUMP.sub("_", name).replace("-", "_").lower()) is not None


def _is_count(value: object) -> bool:
    """Return whether a value is a measurement: `tokens=12` may be logged, `token="…"` may not."""
    return value is None or isinstance(value, int | float | Decimal)


def _clean_fields(fields: Mapping[Any, object], depth: int) -> dict[str, object]:
    return {
        redact(str(name)): _clean(value, depth)
        for name, value in fields.items()
        if _is_count(value) or not _is_private(str(name))
    }


def _clean(value: object, depth: int = 0) -> object:
    """Return a JSON value without secrets."""
    match value:
        case Mapping() | list() | tuple() | set() | frozenset() if depth >= MAX_DEPTH:
            return "[too deep]"
        case Mapping():
            return _clean_fields(value, depth + 1)
        case list() | tuple() | set() | frozenset():
            return [_clean(item, depth + 1) for item in value]
        case _:
            return _clean_leaf(value)


def _clean_leaf(value: object) -> object:
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal() | UUID() | datetime():
            return str(value)
        case BaseException():  # by its class only: the message may be a provider's text
            return type(value).__name__
        case _:
            return redact(str(value))


def log_event(event: str, /, *, level: int = logging.INFO, **fields: object) -> None:
    """Log one event with ids and counts; never raise, whatever the fields are.

    The record has `event` and `fields` (redacted) for handlers with another format.
    """
    if not logger.isEnabledFor(level):
        return
    try:
        clean = _clean_fields(fields, 0)
    except Exception as exc:  # noqa: BLE001  # a log line must not end its request
        clean = {"log_fault": type(exc).__name__}
    logger.log(level, event, extra={"event": event, "fields": clean})


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: at, level, event, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a record without fields becomes an event of its redacted text."""
        fields: dict[str, object] = getattr(record, "fields", {})
        fixed = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", None) or redact(record.getMessage()),
        }
        return json.dumps(fixed | {n: v for n, v in fields.items() if n not in fixed}, ensure_ascii=False)


def configure(level: str, stream: TextIO | None = None) -> None:
    """Write events of this level and above to the stream (default: stdout).

    They do not reach the root logger: the Lambda runtime has a handler there, which would print them twice.
    """
    handler = logging.StreamHandler(sys.stdout if stream is None else stream)
    handler.setFormatter(JsonLines())
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
