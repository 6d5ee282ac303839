"""Rewriting a text for a signed-in user: what the model gets, what is not stored, who may not use it."""

import json
from collections.abc import AsyncIterator

import pytest

from functions.public_chatbot_chat.transform import PROMPT
from local.stack.stack import Stack
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.functions.public_chatbot_chat.assistant_chat import Chat, chat_of, conversations_of, events_of
from tests.provider import Provider

INSTRUCTION = "Rewrite as a haiku."
TEXT = "We sell barley in Cebu."


@pytest.fixture
async def chat(stack: Stack) -> AsyncIterator[Chat]:
    """Yield the function behind the gateway."""
    async with chat_of(stack) as calls:
        yield calls


def rewriting(**fields: object) -> dict[str, object]:
    """Return the body that the present client sends, with fields replaced."""
    return {
        "message": TEXT,
        "sessionId": "transform-session",
        "transformMode": True,
        "systemInstruction": INSTRUCTION,
        "maxTokens": 2_000,
        "temperature": 0.1,
        **fields,
    }


async def test_a_text_is_rewritten_by_the_callers_own_instruction(
    chat: Chat, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Instruction and text are sent unchanged, every field has the answer, ten energy are charged."""
    user = new_user()
    reply = await chat(user, rewriting(userId=user.id))
    body = reply.json()
    assert (reply.status_code, body["success"]) == (200, True)
    assert body["response"] == body["message"] == body["content"] != ""
    (sent,) = provider.bodies()
    assert sent["messages"] == [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": TEXT},
    ]
    assert (sent["max_tokens"], sent["temperature"]) == (2_000, 0.1)
    # "Rewrite as a haiku." has 19 letters.
    assert (body["systemPromptLength"], body["customInstructionsLength"]) == (19, 19)
    assert (body["usingCustomInstructions"], body["usingWorkspaceConfig"]) == (True, False)
    assert Books(database, user).energy() == 490


async def test_nothing_of_it_is_kept_as_a_chat(chat: Chat, new_user: NewUser, database: Database) -> None:
    """No conversation, message or generation is stored; the usage row contains no text."""
    user = new_user()
    body = (await chat(user, rewriting())).json()
    assert "conversationId" not in body
    assert body["generationId"] is None
    assert conversations_of(database, user) == []
    books = Books(database, user)
    assert books.generations() == []
    assert TEXT not in json.dumps([*books.usage(), *books.requests()], default=str)


async def test_without_an_instruction_the_stored_prompt_rewrites(
    chat: Chat, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The stored prompt's version is recorded."""
    user = new_user()
    body = (await chat(user, rewriting(systemInstruction=""))).json()
    assert provider.bodies()[0]["messages"][0]["content"] == PROMPT.text
    assert (body["usingCustomInstructions"], body["customInstructionsLength"]) == (False, 0)
    (usage,) = Books(database, user).usage()
    assert usage["prompt_version"] == PROMPT.version


@pytest.mark.parametrize(("tier", "limit"), [("pro", 16_384), ("free", 4_096)])
async def test_the_output_limit_is_clamped_to_the_models_and_reported(
    chat: Chat, new_user: NewUser, provider: Provider, tier: str, limit: int
) -> None:
    """Of 20,000 tokens gpt-4o gives 16,384 and gpt-3.5-turbo 4,096."""
    body = (await chat(new_user(tier=tier), rewriting(maxTokens=20_000))).json()
    assert body["meta"]["maxTokens"] == provider.bodies()[0]["max_tokens"] == limit


async def test_a_temperature_of_zero_is_zero(chat: Chat, new_user: NewUser, provider: Provider) -> None:
    """Zero is sent, and without a value nothing is sent."""
    user = new_user()
    await chat(user, rewriting(temperature=0))
    await chat(user, rewriting(temperature=None))
    assert [sent["temperature"] for sent in provider.bodies()] == [0, 0.3]


async def test_a_streamed_rewriting_ends_with_the_whole(chat: Chat, new_user: NewUser) -> None:
    """The text events are followed by the same fields."""
    events = events_of(await chat(new_user(), rewriting(stream=True)))
    text = "".join(event["text"] for event in events if event["type"] == "delta")
    assert (events[-1]["type"], events[-1]["response"]) == ("done", text)


async def test_a_key_used_twice_is_charged_once(chat: Chat, new_user: NewUser, database: Database) -> None:
    """The stored reply is returned again."""
    user = new_user()
    first, again = [await chat(user, rewriting(), key="twice") for _ in range(2)]
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert Books(database, user).energy() == 490


async def test_a_failing_provider_is_an_error_and_no_canned_text(
    chat: Chat, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The 502 is free of charge: a text that was not rewritten is never reported as a success."""
    user = new_user()
    provider.fail({"kind": "status", "status": 400, "times": 9})
    reply = await chat(user, rewriting())
    assert (reply.status_code, reply.json()["code"]) == (502, "provider_error")
    Books(database, user).assert_nothing_charged(500)


async def test_a_user_without_energy_gets_a_402(chat: Chat, new_user: NewUser) -> None:
    """The 402 has the figures."""
    reply = await chat(new_user(energy=2), rewriting())
    assert (reply.status_code, reply.json()["requiredEnergy"], reply.json()["currentEnergy"]) == (402, 3, 2)


async def test_anonymous_and_service_callers_may_not_transform(
    stack: Stack, chat: Chat, new_user: NewUser, provider: Provider
) -> None:
    """A visitor gets 403 for either field, the service key 401, and another user's name 403."""
    for fields in ({"transformMode": None}, {"systemInstruction": None}, {}):
        reply = await chat(None, rewriting(**fields))
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert (await chat(None, rewriting(), apikey=stack.secret_key)).status_code == 401
    reply = await chat(new_user(), rewriting(userId=new_user().id))
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert provider.requests() == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"message": None}, "message"),
        ({"message": "  "}, "message"),
        ({"message": ["a"]}, "message"),
        ({"systemInstruction": 5}, "systemInstruction"),
        ({"transformMode": "yes"}, "transformMode"),
        ({"maxTokens": 0}, "maxTokens"),
        ({"maxTokens": 20_001}, "maxTokens"),
        ({"maxTokens": "many"}, "maxTokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"userId": "me"}, "userId"),
        ({"sessionId": 5}, "sessionId"),
        ({"stream": "maybe"}, "stream"),
    ],
)
async def test_a_wrong_field_is_named(
    chat: Chat, new_user: NewUser, provider: Provider, fields: dict[str, object], named: str
) -> None:
    """The reply is a 400 with a message, before anything is held or sent."""
    reply = await chat(new_user(), rewriting(**fields))
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
    assert [fault["field"] for fault in reply.json()["details"]] == [named]
    assert named in reply.json()["error"]
    assert provider.requests() == []


async def test_texts_that_are_too_large_are_refused(chat: Chat, new_user: NewUser) -> None:
    """The 413 states the limit, in bytes."""
    reply = await chat(new_user(), rewriting(message="x" * 100_000))
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")
    assert "100000 bytes" in reply.json()["error"]
