"""Moderation of visitors' messages, if the setting is on: judged before a model reads them."""

from typing import Any

import pytest

from local.stack.stack import Stack
from tests.apps import Pauses
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.functions.public_chatbot_chat.chat_page import AWAY
from tests.proofs.chat_pages import ChatPage, open_page, visitors_of
from tests.provider import Provider
from tests.users import User

THREAT = "Papatayin kita kapag hindi ka sumagot"
SILENT: list[dict[str, Any]] = [
    {"kind": "status", "status": 500, "match": "omni-moderation"},
    {"kind": "status", "status": 401, "match": "omni-moderation"},
    {"kind": "status", "status": 429, "match": "omni-moderation"},
    {"kind": "malformed", "match": "omni-moderation"},
]


@pytest.fixture
def owner(new_user: NewUser) -> User:
    """Return a workspace's owner."""
    return new_user()


@pytest.fixture
def page(owner: User, database: Database) -> ChatPage:
    """Return the owner's page."""
    return open_page(database, owner.id)


def asked(provider: Provider) -> list[str]:
    """Return the requested endpoints, in order."""
    return [row["endpoint"] for row in provider.requests()]


def rows(database: Database, page: ChatPage) -> list[tuple[object, ...]]:
    """Return sender and message of the session's rows."""
    return database.execute(
        "select sender, message from public.public_chat_messages where session_id = %s order by created_at",
        [page.session_id],
    ).fetchall()


async def test_a_flagged_message_is_refused_and_no_model_reads_it(
    stack: Stack, database: Database, provider: Provider, owner: User, page: ChatPage
) -> None:
    """Buffered and streamed it is a 422: the message is kept for the owner, gets no answer and costs nothing."""
    async with visitors_of(stack, MODERATION="visitors") as visitors:
        for stream in (False, True):
            reply = await visitors.say(page, f"{THREAT} {stream}", stream=stream)
            assert (reply.status_code, reply.json()["code"]) == (422, "content_refused")
            assert reply.json()["error"] == "This message was refused. Please rephrase it."
    assert asked(provider) == ["moderations", "moderations"]
    assert rows(database, page) == [("visitor", f"{THREAT} False"), ("visitor", f"{THREAT} True")]
    books = Books(database, owner)
    books.assert_nothing_charged(500)
    # No request that can cost was sent: the reservation's attempt never happened.
    assert [row["state"] for row in books.requests()] == ["released", "released"]
    assert sum(row["cost_usd"] or 0 for row in books.usage()) == 0


async def test_other_messages_are_judged_once_and_answered(
    stack: Stack, database: Database, provider: Provider, owner: User, page: ChatPage
) -> None:
    """There is one more provider request, and as many recorded attempts as chat completions."""
    async with visitors_of(stack, MODERATION="visitors") as visitors:
        assert (await visitors.say(page, "Magkano po?")).json()["handledBy"] == "ai"
        streamed = await visitors.say(page, "Salamat po.", stream=True)
    assert '"type":"done"' in streamed.text
    assert asked(provider) == ["moderations", "chat.completions"] * 2
    books = Books(database, owner)
    assert len(books.attempts()) == 2
    assert books.energy() == 480


@pytest.mark.parametrize("fault", SILENT, ids=str)
async def test_without_a_judgement_no_model_is_called(
    stack: Stack, database: Database, provider: Provider, owner: User, page: ChatPage, fault: dict[str, Any]
) -> None:
    """The visitor gets the fallback answer; nothing is charged and no model was called."""
    provider.fail(fault)
    async with visitors_of(stack, Pauses().effects(), MODERATION="visitors") as visitors:
        body = (await visitors.say(page, "Magkano po?")).json()
    assert (body["fallback"], body["usingOpenAI"], body["response"]) == (True, False, AWAY)
    assert asked(provider) == ["moderations"]
    assert rows(database, page) == [("visitor", "Magkano po?"), ("ai", AWAY)]
    Books(database, owner).assert_nothing_charged(500)


async def test_moderation_that_hangs_is_ended_by_the_deadline(
    stack: Stack, provider: Provider, page: ChatPage
) -> None:
    """The fallback answer comes within the call's own budget."""
    provider.fail({"kind": "hang", "match": "omni-moderation"})
    async with visitors_of(stack, MODERATION="visitors", REQUEST_TIMEOUT_SECONDS="4") as visitors:
        body = (await visitors.say(page, "Magkano po?")).json()
    assert (body["fallback"], body["response"]) == (True, AWAY)
    assert asked(provider) == ["moderations"]


async def test_switched_off_nothing_is_judged(stack: Stack, provider: Provider, page: ChatPage) -> None:
    """Without the setting no message is judged."""
    async with visitors_of(stack) as visitors:
        assert (await visitors.say(page, THREAT)).json()["handledBy"] == "ai"
    assert asked(provider) == ["chat.completions"]
