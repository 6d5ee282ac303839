"""The body of a request: read up to a limit, and refused if the database could not store it."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fastapi import Request

from shared.errors import InvalidRequest, PayloadTooLarge

# supabase-js sends a string as `text/plain`, and some clients send no type: both contain JSON.
_JSON_TYPES = re.compile(r"application/(\S+\+)?json|text/plain|", re.IGNORECASE)
HEAD_BYTES = 4_096
"""How much of the beginning of an unreadable body is kept."""

_PLAIN_NAME = re.compile(r"\w{1,64}", re.ASCII)


class _Place(NamedTuple):
    """The place of a value in the body, as a link to its parent: the path is built only for an error."""

    parent: "_Place | None"
    name: str

    def path(self) -> str:
        names = []
        place: _Place | None = self
        while place is not None:
            # Other names may contain what no reply can repeat.
            names.append(place.name if _PLAIN_NAME.fullmatch(place.name) else "?")
            place = place.parent
        return ".".join(reversed(names))


async def read_json(request: Request, max_bytes: int, head: bytearray | None = None) -> dict[str, Any]:
    """Return the body as a JSON object; its first bytes are added to `head` even if the rest is invalid.

    Raises:
        PayloadTooLarge: the body exceeds `max_bytes`; reading stops there.
        InvalidRequest: the body is no JSON object, or a field (which is named) cannot be stored.
    """
    _check_type(request.headers.get("content-type", ""))
    raw = await _read(request, max_bytes, bytearray() if head is None else head)
    try:
        body = json.loads(raw.decode())
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest("The body must be valid JSON in UTF-8.") from exc
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    for place, problem in _problems(body):
        path = place.path()
        raise InvalidRequest(
            f"Invalid field '{path}': {problem}.", details=[{"field": path, "message": problem}]
        )
    return body


def body_hash(function_name: str, body: Mapping[str, Any]) -> str:
    """Return the hash of a request without `stream`: the same request may be repeated in another form of delivery."""
    content: dict[str, Any] = {name: value for name, value in body.items() if name != "stream"}
    if isinstance(content.get("config"), dict):
        content["config"] = {name: value for name, value in content["config"].items() if name != "stream"}
    canonical = json.dumps([function_name, content], sort_keys=True, separators=(",", ":"))
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


def _problems(body: dict[str, Any]) -> Iterator[tuple[_Place, str]]:
    """Yield what PostgreSQL cannot store, names too; not recursive, so that no depth overflows the stack."""
    pending: list[tuple[_Place | None, dict[str, Any] | list[Any]]] = [(None, body)]
    while pending:
        above, item = pending.pop()
        if isinstance(item, dict):
            named: Iterable[tuple[object, object]] = item.items()
            yield from ((_Place(above, name), problem) for name in item if (problem := _problem_of(name)))
        else:
            named = enumerate(item)
        for name, value in named:
            if isinstance(value, dict | list):
                pending.append((_Place(above, str(name)), value))
            elif problem := _problem_of(value):
                yield _Place(above, str(name)), problem


def _problem_of(value: object) -> str | None:
    """Return why one value cannot be stored, or None: NaN, lone surrogates and null characters are not allowed."""
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
