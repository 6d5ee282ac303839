"""Calls of generate-ai-content as the web client makes them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from local.stack.stack import Stack
from tests.users import User

URL = "/functions/v1/generate-ai-content"
HELLO = [{"role": "user", "content": "Say hello to Maria."}]


class Api:
    """The function's URL below a stack's gateway, or below an app of the test."""

    def __init__(self, client: httpx.AsyncClient, publishable_key: str) -> None:
        self._client = client
        self._key = publishable_key

    async def __call__(
        self,
        user: User | None,
        body: object = None,
        *,
        content: bytes | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """POST a JSON body, or raw `content`, with additional or replaced headers."""
        sent = {"apikey": self._key, "content-type": "application/json"}
        if user is not None:
            sent["authorization"] = f"Bearer {user.access_token}"
        if idempotency_key is not None:
            sent["idempotency-key"] = idempotency_key
        sent |= headers or {}
        if content is not None:
            return await self._client.post(URL, content=content, headers=sent)
        return await self._client.post(URL, json=body, headers=sent)


@asynccontextmanager
async def through_gateway(stack: Stack) -> AsyncIterator[Api]:
    """Call over real HTTP, as the browser does."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        yield Api(client, stack.publishable_key)


def message(prospect_id: str, **inputs: object) -> dict[str, Any]:
    """Return the body of the content shape for a message."""
    return {"generationType": "message", "prospectId": prospect_id, **inputs}


def orchestrated(**config: object) -> dict[str, Any]:
    """Return the body of the orchestrator shape, with the action ai_message unless the test sets another."""
    return {"messages": HELLO, "config": {"action": "ai_message", **config}}


def flat(**fields: object) -> dict[str, Any]:
    """Return the body of the flat orchestrator shape, with the action ai_message unless the test sets another."""
    return {"messages": HELLO, "generationType": "ai_message", **fields}
