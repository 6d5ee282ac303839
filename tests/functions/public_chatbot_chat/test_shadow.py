"""public-chatbot-chat in shadow mode: only the original function writes the page's rows."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from functions.public_chatbot_chat.routes import router
from local.stack.stack import Stack
from tests.conftest import Database, NewUser
from tests.functions.public_chatbot_chat.assistant_chat import Chat
from tests.functions.public_chatbot_chat.chat_page import URL, NewPage, Page
from tests.functions.shadow_effects import (
    ANSWER,
    Shadow,
    Tenant,
    assert_recorded,
    in_shadow,
    nothing_changes,
    shadow_cap,
)
from tests.provider import Provider

LEAD = (
    "Interested po ako, magkano? Ako si Maria Santos, 0917 555 0101, maria@example.com. Pwede mag-demo bukas?"
)


@pytest.fixture
async def shadow(stack: Stack) -> AsyncIterator[Shadow]:
    """Yield the function in this process, in shadow mode."""
    async with in_shadow(stack, "public-chatbot-chat", router) as served:
        yield served


@pytest.fixture
def chat(stack: Stack, shadow: Shadow) -> Chat:
    """Return calls of it by a signed-in user."""
    return Chat(shadow.client, stack.publishable_key)


async def say(shadow: Shadow, page: Page, said: str, **fields: object) -> httpx.Response:
    """Send the copy of a visitor's message."""
    headers = {"apikey": page.stack.publishable_key}
    return await shadow.client.post(URL, json=page.body(said, **fields), headers=headers)


def tenant_of(page: Page) -> Tenant:
    """Return the rows of the workspace and of its open session."""
    return Tenant(page.database, page.owner.id, page.session_id)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_visitors_copy_reaches_the_model_and_leaves_no_row_of_the_chat(
    stream: bool,  # noqa: FBT001
    shadow: Shadow,
    new_page: NewPage,
    provider: Provider,
) -> None:
    """No message, score, lead, prospect or notification is stored; the model gets the visitor's message."""
    page = new_page(settings={"auto_qualify_threshold": 0})
    with nothing_changes(tenant_of(page)):
        reply = await say(shadow, page, LEAD, stream=stream)
    assert (reply.status_code, set(reply.json())) == (202, ANSWER)
    usage = assert_recorded(tenant_of(page), provider)
    assert (usage["action"], usage["success"]) == ("ai_chatbot_response", True)
    assert provider.bodies()[0]["messages"][-1] == {"role": "user", "content": LEAD}
    (finished,) = shadow.log.finished()
    assert (finished["status"], finished["shadow"], finished["model"]) == (200, True, "gpt-4o")
    assert "Maria" not in str(finished)


async def test_a_copy_that_comes_after_its_original_asks_the_message_once(
    shadow: Shadow, new_page: NewPage, provider: Provider
) -> None:
    """The visitor's row has then been stored by the page or by the original function."""
    page = new_page()
    page.database.execute(
        "insert into public.public_chat_messages (session_id, sender, message) values (%s, 'visitor', %s)",
        [page.session_id, "Magkano po?"],
    )
    with nothing_changes(tenant_of(page)):
        await say(shadow, page, "Magkano po?")
    asked = [turn["content"] for turn in provider.bodies()[0]["messages"]]
    assert asked.count("Magkano po?") == 1


async def test_a_copy_that_no_model_answers_stores_no_fallback(
    shadow: Shadow, new_page: NewPage, provider: Provider
) -> None:
    """The fallback answer after a provider's failure is discarded like any other."""
    page = new_page()
    provider.fail(*[{"kind": "status", "status": 500}] * 9)
    with nothing_changes(tenant_of(page)):
        reply = await say(shadow, page, "Magkano po?")
    assert (reply.status_code, set(reply.json())) == (202, ANSWER)
    assert len(tenant_of(page).attempts()) == len(provider.requests()) > 0


async def test_over_the_days_cap_a_visitors_copy_is_not_sent(
    shadow: Shadow, new_page: NewPage, database: Database, provider: Provider
) -> None:
    """Nothing is stored for it either."""
    page = new_page()
    with shadow_cap(database, 0), nothing_changes(tenant_of(page)):
        reply = await say(shadow, page, "Magkano po?")
    assert set(reply.json()) == ANSWER
    assert provider.requests() == []
    assert [row["error_code"] for row in tenant_of(page).usage()] == ["spend_cap_reached"]


@pytest.mark.parametrize("status", ["human_takeover", "archived"])
async def test_a_copy_that_asks_no_model_changes_nothing(
    status: str, shadow: Shadow, new_page: NewPage, provider: Provider
) -> None:
    """This holds after a takeover, and in a session that is closed."""
    page = new_page(status=status)
    with nothing_changes(tenant_of(page)):
        await say(shadow, page, "Magkano po?")
    assert provider.requests() == []


async def test_copies_take_nothing_from_the_visitors_day(
    shadow: Shadow, new_page: NewPage, database: Database, provider: Provider
) -> None:
    """With one message a minute and session, the visitor's own message is answered after two copies."""
    page = new_page()
    database.execute("update public.ai_policy set visitor_session_calls_per_minute = 1")
    try:
        copies = [await say(shadow, page, said) for said in ("Magkano po?", "Open po ba?")]
        own = await page.say("Hello po")
    finally:
        database.execute("update public.ai_policy set visitor_session_calls_per_minute = 20")
    assert [reply.status_code for reply in copies] == [202, 202]
    assert (own.status_code, own.json()["handledBy"]) == (200, "ai")
    assert len(provider.requests()) == 3


async def test_a_users_copy_leaves_no_conversation(
    chat: Chat, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The assistant is called, and stores nothing."""
    user = new_user()
    tenant = Tenant(database, user.id)
    with nothing_changes(tenant):
        reply = await chat(user, {"message": "Sino ang unahin ko?"}, key="of-the-real-call")
    assert set(reply.json()) == ANSWER
    assert_recorded(tenant, provider)


async def test_a_copied_rewriting_is_recorded_alone(
    chat: Chat, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Transform mode stores only its usage, which is marked as shadow."""
    user = new_user()
    tenant = Tenant(database, user.id)
    with nothing_changes(tenant):
        reply = await chat(user, {"message": "Hi", "transformMode": True, "sessionId": "s"})
    assert set(reply.json()) == ANSWER
    assert_recorded(tenant, provider)


async def test_copies_for_strangers_are_refused(
    shadow: Shadow, chat: Chat, new_page: NewPage, new_user: NewUser, provider: Provider
) -> None:
    """A wrong key, another workspace's session and another user's conversation are refused as usual."""
    page, user = new_page(), new_user()
    wrong_key = await shadow.client.post(
        URL, json=page.body("Hi"), headers={"apikey": "sb_publishable_of_nobody"}
    )
    assert wrong_key.status_code == 401
    foreign = await shadow.client.post(
        URL,
        json={**page.body("Hi"), "userId": user.id},
        headers={"apikey": page.stack.publishable_key},
    )
    assert (foreign.status_code, foreign.json()["code"]) == (404, "session_not_found")
    conversation = await chat(user, {"message": "Hi", "conversationId": str(uuid4())})
    assert conversation.status_code == 404
    assert provider.requests() == []
