"""Chat pages created by SQL, and visitors who write to them from addresses that the test chooses."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx

from functions.public_chatbot_chat.routes import router
from local.stack.stack import Stack
from shared.ai.delivery.deliverer import Effects
from shared.http.app import create_app
from shared.log import logger
from tests.apps import services_on
from tests.proofs.canaries import Connection

URL = "/functions/v1/public-chatbot-chat"
Transport = Callable[[str], httpx.AsyncBaseTransport]
AWAY = "Bukas na po kami sasagot."


@dataclass(frozen=True)
class ChatPage:
    """A workspace's page and one open session on it."""

    owner_id: str
    session_id: str


def open_page(database: Connection, owner_id: str) -> ChatPage:
    """Create an active chatbot with one open session, for an owner who has none yet."""
    database.execute(
        "insert into public.chatbot_settings (user_id, fixed_chatbot_id, away_message) values (%s, %s, %s)",
        [owner_id, f"page-{uuid4()}", AWAY],
    )
    return another_session(database, owner_id)


def another_session(database: Connection, owner_id: str) -> ChatPage:
    """Create one more session on an owner's page."""
    session_id = str(uuid4())
    database.execute(
        "insert into public.public_chat_sessions (id, user_id, session_slug) values (%s, %s, %s)",
        [session_id, owner_id, session_id[:8]],
    )
    return ChatPage(owner_id, session_id)


class Visitors:
    """Visitors of a page; `transport` connects from an address."""

    def __init__(self, url: str, transport: Transport, publishable_key: str) -> None:
        self._url = url
        self._transport = transport
        self.key = publishable_key

    async def say(
        self,
        page: ChatPage,
        said: str,
        address: str = "198.51.100.1",
        headers: Mapping[str, str] | None = None,
        **fields: object,
    ) -> httpx.Response:
        """Send a visitor's message from an address, with the anonymous key unless other headers are given."""
        body = {"sessionId": page.session_id, "userId": page.owner_id, "message": said, **fields}
        async with httpx.AsyncClient(
            transport=self._transport(address), base_url=self._url, trust_env=False, timeout=60
        ) as client:
            sent = {"apikey": self.key} if headers is None else headers
            return await client.post(URL, json=body, headers=dict(sent))


@asynccontextmanager
async def visitors_of(stack: Stack, effects: Effects | None = None, **env: str) -> AsyncIterator[Visitors]:
    """Yield visitors of the chat function in this process; the logger's configuration is restored afterwards."""
    before = (logger.handlers[:], logger.level, logger.propagate)
    try:
        async with services_on(stack, effects, **env) as services:
            app = create_app("public-chatbot-chat", router, services.settings, services)

            def connect(address: str) -> httpx.AsyncBaseTransport:
                return httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 40_000))

            yield Visitors("http://chat.test", connect, stack.publishable_key)
    finally:
        logger.handlers[:], logger.level, logger.propagate = before


def visitors_at(stack: Stack) -> Visitors:
    """Return visitors of the stack's own functions, which run in another process; all have the same address."""
    return Visitors(stack.url, lambda _address: httpx.AsyncHTTPTransport(), stack.publishable_key)
