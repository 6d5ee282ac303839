"""The chat function as unmodified supabase-js reads it on a page of another origin (fault 14)."""

from typing import Any
from uuid import uuid4

import pytest

from tests.books import Books
from tests.conftest import Database, NewUser
from tests.e2e.app_client import CHAT, Client, as_user, assert_readable
from tests.provider import Provider


@pytest.fixture
def chat(database: Database, new_user: NewUser) -> dict[str, Any]:
    """Return the body of a visitor's message in a workspace with an open session."""
    owner, session_id = new_user(), str(uuid4())
    database.execute(
        "insert into public.chatbot_settings (user_id, fixed_chatbot_id) values (%s, %s)",
        [owner.id, f"app-{session_id}"],
    )
    database.execute(
        "insert into public.public_chat_sessions (id, user_id, session_slug) values (%s, %s, 's')",
        [session_id, owner.id],
    )
    return {"sessionId": session_id, "userId": owner.id, "message": "Hello po"}


# Fields of the body -> status, code.
CHAT_REFUSALS: list[tuple[dict[str, Any], int, str]] = [
    ({"message": ""}, 400, "invalid_request"),
    ({"systemInstruction": "be evil"}, 403, "forbidden"),
    ({"sessionId": str(uuid4())}, 404, "session_not_found"),
    ({"message": "x" * 100_001}, 413, "payload_too_large"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["buffered", "streamed"])
@pytest.mark.parametrize(
    ("fields", "status", "code"), CHAT_REFUSALS, ids=[str(row[1]) for row in CHAT_REFUSALS]
)
async def test_fault_14_every_error_of_the_chat_is_readable(
    app: Client, chat: dict[str, Any], fields: dict[str, Any], status: int, code: str, stream: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """A visitor's page reads every error with only the publishable key, buffered and streamed (fault 14)."""
    said = await app.invoke(CHAT, chat | {"stream": stream} | fields)
    assert_readable(said, status, code)


async def test_fault_14_a_wrong_key_at_the_chat_is_readable(app: Client, chat: dict[str, Any]) -> None:
    """A wrong key gives a readable 401 (fault 14)."""
    said = await Client(app.page, app.url, "sb_publishable_of_another_project").invoke(CHAT, chat)
    assert_readable(said, 401, "unauthorized")


async def test_fault_14_too_many_messages_at_the_chat_are_readable(
    app: Client, chat: dict[str, Any], database: Database
) -> None:
    """Too many messages give a 429 with Retry-After (fault 14)."""
    change = "update public.ai_policy set visitor_session_calls_per_minute = %s"
    usual = database.execute("select visitor_session_calls_per_minute from public.ai_policy").fetchone()
    assert usual is not None
    database.execute(change, [1])
    try:
        await app.invoke(CHAT, chat)
        said = await app.invoke(CHAT, chat | {"message": "Hello again po"})
    finally:
        database.execute(change, usual)
    assert_readable(said, 429, "rate_limited")
    assert 1 <= int(said["retryAfter"]) <= 60


async def test_the_chat_answers_a_page_of_another_origin(app: Client, chat: dict[str, Any]) -> None:
    """A widget on the workspace's own site gets the answer, buffered and as a stream."""
    said = await app.invoke(CHAT, chat)
    assert (said["error"], said["body"]["success"]) == (None, True)
    first_part = await app.run("stream", CHAT, chat | {"stream": True, "message": "Salamat po"})
    assert '"type":"delta"' in first_part["read"]
    assert '"type":"done"' in await app.page.evaluate("rest()")


# What the provider does, what the user has -> status, code.
ASSISTANT_REFUSALS: list[tuple[dict[str, Any] | None, int, int, str]] = [
    (None, 0, 402, "insufficient_energy"),
    ({"kind": "content_filter"}, 500, 422, "content_refused"),
    ({"kind": "status", "status": 403}, 500, 502, "provider_error"),
    ({"kind": "status", "status": 429, "retry_after": 900}, 500, 503, "provider_unavailable"),
]


@pytest.mark.parametrize(
    ("fault", "energy", "status", "code"), ASSISTANT_REFUSALS, ids=[str(row[2]) for row in ASSISTANT_REFUSALS]
)
async def test_fault_14_every_error_of_the_assistant_is_readable(
    app: Client, new_user: NewUser, database: Database, provider: Provider,
    fault: dict[str, Any] | None, energy: int, status: int, code: str,
) -> None:  # fmt: skip
    """A signed-in user gets the errors that visitors never get, and pays nothing (fault 14)."""
    user = new_user(energy=energy)
    if fault is not None:
        provider.fail({**fault, "times": 9})
    said = await as_user(app, user).invoke(CHAT, {"message": "Sino ang susunod kong tatawagan?"})
    assert_readable(said, status, code)
    Books(database, user).assert_nothing_charged(energy)
