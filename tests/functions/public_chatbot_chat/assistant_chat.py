"""Calls of public-chatbot-chat by a signed-in client, and the stored rows of a conversation."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from functions.public_chatbot_chat.routes import router
from local.stack.stack import Stack
from shared.ai.delivery.deliverer import Effects
from tests.apps import app_on, client_of
from tests.conftest import Database
from tests.users import User

URL = "/functions/v1/public-chatbot-chat"


class Chat:
    """The function's URL below a stack's gateway, or below an app of the test."""

    def __init__(self, client: httpx.AsyncClient, publishable_key: str) -> None:
        self._client = client
        self._key = publishable_key

    async def __call__(
        self, user: User | None, body: object, *, key: str | None = None, apikey: str | None = None
    ) -> httpx.Response:
        """POST a JSON body as the user, or with only a key of the project."""
        sent = {"apikey": self._key if apikey is None else apikey}
        if user is not None:
            sent["authorization"] = f"Bearer {user.access_token}"
        if key is not None:
            sent["idempotency-key"] = key
        return await self._client.post(URL, json=body, headers=sent)

    async def ask(self, user: User, message: str, **fields: object) -> dict[str, Any]:
        """Send a message that must be answered; return the reply."""
        reply = await self(user, {"message": message, **fields})
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body


@asynccontextmanager
async def chat_of(stack: Stack) -> AsyncIterator[Chat]:
    """Call over real HTTP, as the browser does."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        yield Chat(client, stack.publishable_key)


@asynccontextmanager
async def chat_in_process(stack: Stack, effects: Effects | None = None, **env: str) -> AsyncIterator[Chat]:
    """Call the function in this process."""
    async with (
        app_on(stack, "public-chatbot-chat", router, effects, **env) as app,
        client_of(stack, app) as client,
    ):
        yield Chat(client, stack.publishable_key)


def events_of(reply: httpx.Response) -> list[dict[str, Any]]:
    """Return the events of a streamed reply."""
    return [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line]


def turns_of(database: Database, conversation_id: str) -> list[tuple[object, ...]]:
    """Return role and content of every message of a conversation, in order."""
    return database.execute(
        "select role, content from public.assistant_messages where conversation_id = %s order by created_at",
        [conversation_id],
    ).fetchall()


def conversations_of(database: Database, user: User) -> list[tuple[object, ...]]:
    """Return id and title of every conversation of a user."""
    return database.execute(
        "select id::text, title from public.assistant_conversations where user_id = %s order by created_at",
        [user.id],
    ).fetchall()
