"""The body of a request: read within a limit, and only what can be stored."""

import json
import math
from collections.abc import Iterator
from typing import Any

from fastapi import Request

from shared.errors import InvalidRequest, PayloadTooLarge


async def read_json(request: Request, max_bytes: int) -> dict[str, Any]:
    """Read the body as a JSON object.

    Raises:
        PayloadTooLarge: it is over the limit; reading stops there.
        InvalidRequest: it is no JSON object, or holds text that cannot be stored.
    """
    raw = await _read(request, max_bytes)
    try:
        body = json.loads(raw.decode(), parse_constant=_no_constant, parse_float=_finite)
        texts = "".join(_texts(body))
        texts.encode()
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest("The body must be valid JSON in UTF-8.") from exc
    if "\x00" in texts:
        raise InvalidRequest("The body must not contain null characters.")
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return body


async def _read(request: Request, max_bytes: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise PayloadTooLarge(f"The request is too large: at most {max_bytes} bytes are taken.")
        chunks.append(chunk)
    return b"".join(chunks)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _texts(body: object) -> Iterator[str]:
    """Give every string in the body, names too; without recursion, so that depth cannot break it."""
    waiting = [body]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
