"""The body of a request: read within a limit, and only what can be stored."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fastapi import Request

from shared.errors import InvalidRequest, PayloadTooLarge

# supabase-js calls a string `text/plain`, and others tell no type at all: both are read as the JSON they hold.
_JSON_TYPES = re.compile(r"application/(\S+\+)?json|text/plain|", re.IGNORECASE)
HEAD_BYTES = 4_096
"""What is kept of the beginning of a body that cannot be read."""

_PLAIN_NAME = re.compile(r"\w{1,64}", re.ASCII)


class _Place(NamedTuple):
    """Where in the body a value stands: a link to its parent, so that depth costs nothing until it is told."""

    parent: "_Place | None"
    name: str

    def path(self) -> str:
        names = []
        place: _Place | None = self
        while place is not None:
            # A name that is no name may hold what no reply could repeat.
            names.append(place.name if _PLAIN_NAME.fullmatch(place.name) else "?")
            place = place.parent
        return ".".join(reversed(names))


async def read_json(request: Request, max_bytes: int, head: bytearray | None = None) -> dict[str, Any]:
    """Read the body as a JSON object; its first bytes go into `head` too, whatever is wrong with the rest.

    Raises:
        PayloadTooLarge: it is over the limit; reading stops there.
        InvalidRequest: it is no JSON object, or holds what cannot be stored: then the field is named.
    """
    _check_type(request.headers.get("content-type", ""))
    raw = await _read(request, max_bytes, bytearray() if head is None else head)
    try:
        body = json.loads(raw.decode())
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest("The body must be valid JSON in UTF-8.") from exc
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    for place, fault in _faults(body):
        path = place.path()
        raise InvalidRequest(f"Invalid field '{path}': {fault}.", details=[{"field": path, "message": fault}])
    return body


def body_hash(function_name: str, body: Mapping[str, Any]) -> str:
    """Return the hash of what is asked; how it is delivered (`stream`) is no part of it."""
    asked: dict[str, Any] = {name: value for name, value in body.items() if name != "stream"}
    if isinstance(asked.get("config"), dict):
        asked["config"] = {name: value for name, value in asked["config"].items() if name != "stream"}
    canonical = json.dumps([function_name, asked], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _check_type(content_type: str) -> None:
    if not _JSON_TYPES.fullmatch(content_type.partition(";")[0].strip()):
        raise InvalidRequest(
            "The body must be sent as application/json.",
            details=[{"field": "Content-Type", "message": "must be application/json"}],
        )


async def _read(request: Request, max_bytes: int, head: bytearray) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        head += chunk[: max(HEAD_BYTES - len(head), 0)]
        size += len(chunk)
        if size > max_bytes:
            raise PayloadTooLarge(f"The request is too large: at most {max_bytes} bytes are taken.")
        chunks.append(chunk)
    return b"".join(chunks)


def _faults(body: dict[str, Any]) -> Iterator[tuple[_Place, str]]:
    """Return what PostgreSQL cannot keep, names too; without recursion, so that depth cannot break it."""
    waiting: list[tuple[_Place | None, dict[str, Any] | list[Any]]] = [(None, body)]
    while waiting:
        above, item = waiting.pop()
        if isinstance(item, dict):
            named: Iterable[tuple[object, object]] = item.items()
            yield from ((_Place(above, name), fault) for name in item if (fault := _fault(name)))
        else:
            named = enumerate(item)
        for name, value in named:
            if isinstance(value, dict | list):
                waiting.append((_Place(above, str(name)), value))
            elif fault := _fault(value):
                yield _Place(above, str(name)), fault


def _fault(value: object) -> str | None:
    """Tell what is wrong with one value: JSON knows no NaN, UTF-8 no half characters and PostgreSQL no null ones."""
    if isinstance(value, str):
        if "\x00" in value:
            return "must not contain null characters"
        try:
            value.encode()
        except UnicodeEncodeError:
            return "must not contain half of a surrogate pair"
    elif isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    return None
