"""A workspace's chat page with one open session, for the tests of the visitor's chat."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from psycopg import sql

from local.stack.stack import Stack
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.users import User

URL = "/functions/v1/public-chatbot-chat"
AWAY = "Bukas na po kami sasagot."


@dataclass(frozen=True)
class Page:
    """A workspace's chat page with one open session."""

    stack: Stack
    owner: User
    session_id: str
    database: Database

    def body(self, said: str, **fields: object) -> dict[str, object]:
        """Return the body that the page sends."""
        return {"sessionId": self.session_id, "message": said, "userId": self.owner.id, **fields}

    async def say(self, said: str, **fields: object) -> httpx.Response:
        """Send a visitor's message with the anonymous key."""
        async with httpx.AsyncClient(base_url=self.stack.url, timeout=60) as client:
            headers = {"apikey": self.stack.publishable_key}
            return await client.post(URL, json=self.body(said, **fields), headers=headers)

    async def stream(self, said: str) -> list[dict[str, Any]]:
        """Send a message and return the events of the answer."""
        reply = await self.say(said, stream=True)
        assert reply.status_code == 200, reply.text
        return [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line]

    def rows(self) -> list[tuple[str, str]]:
        """Return sender and message of every row, in order."""
        found = self.database.execute(
            "select sender, message from public.public_chat_messages where session_id = %s order by created_at",
            [self.session_id],
        ).fetchall()
        return [(str(sender), str(message)) for sender, message in found]

    def session(self, column: str) -> object:
        """Return one column of the session."""
        row = self.database.execute(
            sql.SQL("select {} from public.public_chat_sessions where id = %s").format(
                sql.Identifier(column)
            ),
            [self.session_id],
        ).fetchone()
        assert row is not None
        return row[0]

    def set(self, **settings: object) -> None:
        """Change the owner's chatbot settings."""
        for name, value in settings.items():
            self.database.execute(
                sql.SQL("update public.chatbot_settings set {} = %s where user_id = %s").format(
                    sql.Identifier(name)
                ),
                [json.dumps(value) if isinstance(value, dict) else value, self.owner.id],
            )

    def books(self) -> Books:
        """Return the owner's books."""
        return Books(self.database, self.owner)


NewPage = Callable[..., Page]


def text_of(events: list[dict[str, Any]]) -> str:
    """Return the joined deltas of a stream."""
    return "".join(event["text"] for event in events if event["type"] == "delta")


def page_maker(stack: Stack, database: Database, new_user: NewUser) -> NewPage:
    """Return what opens pages: `new_page(energy=0, settings={"is_active": False}, status="human_takeover")`."""

    def make(energy: int = 500, status: str = "active", settings: dict[str, Any] | None = None) -> Page:
        page = Page(stack, new_user(energy=energy), str(uuid4()), database)
        database.execute(
            "insert into public.chatbot_settings (user_id, fixed_chatbot_id) values (%s, %s)",
            [page.owner.id, f"page-{page.session_id}"],
        )
        page.set(**{"display_name": "Siggy", "away_message": AWAY, **(settings or {})})
        database.execute(
            "insert into public.public_chat_sessions (id, user_id, session_slug, status) values (%s, %s, 's', %s)",
            [page.session_id, page.owner.id, status],
        )
        return page

    return make
