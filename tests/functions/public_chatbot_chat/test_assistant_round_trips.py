"""How often a signed-in user's message waits for the database, and with which key: counted at the wire."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from local.stack.stack import Stack
from tests.books import add_prospect
from tests.conftest import Database, NewUser
from tests.functions.public_chatbot_chat.assistant_chat import Chat, chat_in_process
from tests.provider import Provider
from tests.wire import Wire, answer, wire_before

PATIENCE_SECONDS = 4.5
"""Less than the function's own limit of a database call, after which it would send it again."""


@pytest.fixture
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """Yield the proxy between the function and the Supabase API."""
    async with wire_before(stack.upstream_url) as between:
        yield between


@pytest.fixture
async def chat(stack: Stack, wire: Wire) -> AsyncIterator[Chat]:
    """Yield the function in this process, whose Supabase is behind the proxy."""
    async with chat_in_process(stack, SUPABASE_URL=wire.url) as calls:
        yield calls


async def test_a_warm_message_to_the_assistant_waits_twice(
    chat: Chat, wire: Wire, new_user: NewUser, database: Database
) -> None:
    """There are 3 requests, with a prospect and in a conversation too: history, figures and prospect are one read."""
    user = new_user()
    conversation_id = (await chat.ask(user, "Una"))["conversationId"]
    prospect_id = add_prospect(database, user)
    wire.expect_waves(2, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        body = await chat.ask(user, "Sino siya?", conversationId=conversation_id, prospectId=prospect_id)
    assert body["meta"]["cached"] is True
    assert sorted(wire.names()[:2]) == ["assistant_open", "load_assistant_material"]
    assert wire.names()[2:] == ["ai_settle"]


async def test_a_cold_message_to_the_assistant_waits_twice(chat: Chat, wire: Wire, new_user: NewUser) -> None:
    """There are 4 requests: the configuration is read beside the two others."""
    user = new_user()
    wire.expect_waves(3, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await chat.ask(user, "Una"))["meta"]["cached"] is False
    reads = ["assistant_open", "load_ai_configuration", "load_assistant_material"]
    assert sorted(wire.names()[:3]) == reads
    assert wire.names()[3:] == ["ai_settle"]


async def test_a_refused_message_waits_as_often(
    chat: Chat, wire: Wire, new_user: NewUser, provider: Provider
) -> None:
    """The release is sent in place of the settlement."""
    user = new_user()
    await chat.ask(user, "Una")
    provider.fail({"kind": "refusal"})
    wire.expect_waves(2, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await chat(user, {"message": "Pangalawa"})).status_code == 422
    assert wire.names()[2:] == ["ai_release"]


async def test_a_warm_rewriting_waits_twice(chat: Chat, wire: Wire, new_user: NewUser) -> None:
    """There are 2 requests: it reads nothing."""
    user = new_user()
    body = {"message": "Barley", "transformMode": True, "systemInstruction": "Rewrite."}
    assert (await chat(user, body)).status_code == 200
    wire.expect_waves(1, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await chat(user, body)).status_code == 200
    assert wire.names() == ["ai_reserve", "ai_settle"]


async def test_fault_11_the_users_data_is_read_with_the_users_token(
    stack: Stack, chat: Chat, wire: Wire, new_user: NewUser
) -> None:
    """The service key is used only for the money; material and configuration are read as the user (fault 11)."""
    user = new_user()
    await chat.ask(user, "Una")
    keys = {seen.name: (seen.apikey, seen.authorization) for seen in wire.seen}
    own = (stack.publishable_key, f"Bearer {user.access_token}")
    assert keys["load_assistant_material"] == keys["load_ai_configuration"] == own
    assert {keys[name][0] for name in ("assistant_open", "ai_settle")} == {stack.secret_key}


async def test_material_of_another_user_is_never_used(
    chat: Chat, wire: Wire, new_user: NewUser, provider: Provider
) -> None:
    """If the database returned another user's, the call would fail and release the hold."""
    user = new_user()
    await chat.ask(user, "Una")
    provider.reset()
    foreign = f'{{"user_id": "{new_user().id}", "prospect": null, "figures": {{}}, "history": []}}'
    for spoiled in (foreign, "null"):
        wire.meet("load_assistant_material", answer(200, spoiled.encode()))
        reply = await chat(user, {"message": "Pangalawa"})
        assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert provider.requests() == []
    assert [seen.name for seen in wire.seen].count("ai_release") == 2
