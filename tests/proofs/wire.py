"""Calls over bare connections: a thousand at once cost the client little, and any of them may break."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from local.servers.ports import HOST
from tests.calls import URL
from tests.users import User


@dataclass(frozen=True)
class Answer:
    """Status and body of a complete reply."""

    status: int
    body: bytes


@asynccontextmanager
async def posted(
    port: int, apikey: str, user: User, body: dict[str, Any], key: str | None = None
) -> AsyncIterator[asyncio.StreamReader]:
    """POST to the function; yield the reply byte by byte, and disconnect at the end of the block."""
    content = json.dumps(body).encode()
    lines = [
        f"POST {URL} HTTP/1.1",
        f"host: {HOST}:{port}",
        f"apikey: {apikey}",
        f"authorization: Bearer {user.access_token}",
        "content-type: application/json",
        f"content-length: {len(content)}",
        "connection: close",
    ]
    if key is not None:
        lines.append(f"idempotency-key: {key}")
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await writer.drain()
        yield reader
    finally:
        writer.close()


async def post(
    port: int, apikey: str, user: User, body: dict[str, Any], key: str | None = None
) -> Answer | None:
    """POST to the function and read to the end; return None if the worker died instead of answering."""
    try:
        async with posted(port, apikey, user, body, key) as reader:
            whole = await reader.read()
    except OSError:
        return None
    head, _, rest = whole.partition(b"\r\n\r\n")
    if not head:
        return None
    return Answer(int(head.split()[1]), rest)
