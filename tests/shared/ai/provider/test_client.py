"""Replies of servers that are only compatible, under a 200: never a crash, never a false success."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from local.stack.stack import Stack
from tests.apps import Pauses, in_process
from tests.books import Books
from tests.calls import Api, orchestrated
from tests.conftest import Database, NewUser
from tests.wire import Wire, answer, lose_answer, wire_before

BODY = orchestrated(retryAttempts=0, allowFallback=False)


@pytest.fixture
async def server(stack: Stack) -> AsyncIterator[Wire]:
    """Yield a compatible server that answers as each test sets."""
    async with wire_before(stack.provider_url) as between:
        yield between


@pytest.fixture
async def api(stack: Stack, server: Wire) -> AsyncIterator[Api]:
    """Yield the function in this process, whose provider is that server."""
    async with in_process(stack, Pauses().effects(), OPENAI_BASE_URL=f"{server.url}/v1") as calls:
        yield calls


def choice(message: object, finish_reason: object = "stop") -> dict[str, Any]:
    """Return a completion with one choice and no usage."""
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}


NONSENSE: list[object] = [
    None,
    [],
    "hello",
    5,
    {},
    {"choices": None},
    {"choices": {}},
    {"choices": {"a": 1}},
    {"choices": "hello"},
    {"choices": 5},
    {"choices": [None]},
    {"choices": ["hello"]},
    {"choices": [{}]},
    {"choices": [{"message": None}]},
    {"error": {"message": "secret words"}},
    choice("hello"),
    choice([]),
    choice({}),
    choice({"content": None}),
    choice({"content": ""}),
    choice({"content": "  \n"}),
    choice({"content": 5}),
    choice({"content": ["hello"]}),
    choice({"content": {"text": "hello"}}),
    choice({"content": "\u0000"}),
]


@pytest.mark.parametrize("sent", NONSENSE, ids=json.dumps)
async def test_nonsense_under_a_200_is_a_failed_attempt(
    api: Api, server: Wire, new_user: NewUser, database: Database, sent: object
) -> None:
    """The reply is 502 with no charge, recorded at the upper bound, as the work may have been done."""
    user = new_user()
    server.meet("completions", answer(200, json.dumps(sent).encode()))
    reply = await api(user, BODY)
    assert (reply.status_code, reply.json()["code"]) == (502, "provider_error")
    assert "secret words" not in reply.text
    books = Books(database, user)
    books.assert_nothing_charged(500)
    (attempt,) = books.attempts()
    assert (attempt["error_code"], attempt["cost_method"], len(server.seen)) == (
        "malformed",
        "upper_bound",
        1,
    )


# What the server adds to a good text -> reported finish reason, method of billing.
USAGE = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
GOOD: list[tuple[dict[str, Any], str, str]] = [
    ({}, "stop", "upper_bound"),
    ({"usage": USAGE}, "stop", "reported"),
    ({"usage": USAGE | {"prompt_tokens": "ten"}}, "stop", "upper_bound"),
    ({"usage": [1]}, "stop", "upper_bound"),
    ({"usage": "12"}, "stop", "upper_bound"),
    ({"usage": USAGE | {"prompt_tokens_details": 5}}, "stop", "reported"),
    ({"usage": USAGE, "id": None, "model": 7, "created": "x", "extra": {"a": [1]}}, "stop", "reported"),
]


@pytest.mark.parametrize(("more", "reason", "method"), GOOD)
async def test_a_text_is_taken_whatever_stands_around_it(
    api: Api,
    server: Wire,
    new_user: NewUser,
    database: Database,
    more: dict[str, Any],
    reason: str,
    method: str,
) -> None:
    """Usage counts only if it is valid; else the upper bound is recorded."""
    user = new_user()
    server.meet("completions", answer(200, json.dumps(choice({"content": "Hi Maria"}) | more).encode()))
    reply = await api(user, BODY)
    assert reply.status_code == 200, reply.text
    assert (reply.json()["message"], reply.json()["meta"]["finishReason"]) == ("Hi Maria", reason)
    books = Books(database, user)
    assert (books.attempts()[0]["cost_method"], books.energy()) == (method, 490)
    if method == "reported":
        assert books.usage()[0]["cost_usd"] == Decimal("0.000045")


@pytest.mark.parametrize("finish_reason", [None, 7, "", "end_turn", ["stop"]], ids=str)
async def test_an_unusual_finish_reason_is_reported_as_a_text(
    api: Api, server: Wire, new_user: NewUser, finish_reason: object
) -> None:
    """The text is delivered, with the finish reason as the server sent it."""
    body = choice({"content": "Hi Maria"}, finish_reason) | {"usage": USAGE}
    server.meet("completions", answer(200, json.dumps(body).encode()))
    reply = await api(new_user(), BODY)
    assert (reply.status_code, reply.json()["message"]) == (200, "Hi Maria")
    assert isinstance(reply.json()["meta"]["finishReason"], str)


async def test_what_cannot_be_stored_is_dropped_from_a_text(
    api: Api, server: Wire, new_user: NewUser, database: Database
) -> None:
    """Null bytes and lone surrogates, which would break the settlement, are removed."""
    user = new_user()
    raw = b'{"choices":[{"message":{"content":"Hi\\u0000 Ma\\ud800ria"},"finish_reason":"stop"}]}'
    server.meet("completions", answer(200, raw))
    reply = await api(user, BODY, idempotency_key=user.id)
    assert (reply.status_code, reply.json()["message"]) == (200, "Hi Maria")
    assert Books(database, user).generations()[0]["output_text"] == "Hi Maria"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"hello", "text/plain"),
        (b"<html>", "text/html"),
        (b"\xff", "application/json"),
    ],
)
async def test_a_200_that_is_no_json_is_a_failed_attempt(
    api: Api, server: Wire, new_user: NewUser, database: Database, body: bytes, kind: str
) -> None:
    """Examples are a captive portal, a proxy's page, and a cut body."""
    user = new_user()
    server.meet("completions", answer(200, body, kind))
    reply = await api(user, BODY)
    assert (reply.status_code, reply.json()["code"]) == (502, "provider_error")
    Books(database, user).assert_nothing_charged(500)
    assert Books(database, user).attempts()[0]["cost_method"] == "upper_bound"


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_redirect_is_not_followed_with_our_key(
    api: Api, server: Wire, new_user: NewUser, status: int
) -> None:
    """One request is sent, and none to the address of the redirect."""
    server.meet("completions", answer(status))
    reply = await api(new_user(), BODY)
    assert (reply.status_code, len(server.seen)) == (502, 1)


async def test_a_broken_connection_is_billed_at_its_upper_bound(
    api: Api, server: Wire, new_user: NewUser, database: Database
) -> None:
    """The request was sent, and its progress is unknown."""
    user = new_user()
    server.meet("completions", lose_answer)
    assert (await api(user, BODY)).status_code == 502
    (attempt,) = Books(database, user).attempts()
    assert (attempt["error_code"], attempt["cost_method"]) == ("unreachable", "upper_bound")


async def test_fault_8_the_sdk_sends_no_request_of_its_own(
    api: Api, server: Wire, new_user: NewUser, database: Database
) -> None:
    """The number of requests at the wire equals the recorded attempts, for failed and lost ones too (fault 8)."""
    user = new_user()
    server.meet("completions", answer(500), answer(429), answer(503), lose_answer)
    reply = await api(user, orchestrated(retryAttempts=5, retryDelay=0, allowFallback=False))
    assert (reply.status_code, reply.json()["meta"]["retryCount"]) == (200, 4)
    assert len(server.seen) == len(Books(database, user).attempts()) == 5


async def test_the_key_goes_to_the_provider_alone(
    api: Api, server: Wire, new_user: NewUser, stack: Stack
) -> None:
    """The request has the provider's key, and nothing of the caller's or of Supabase's."""
    user = new_user()
    assert (await api(user, BODY)).status_code == 200
    (seen,) = server.seen
    assert (seen.authorization, seen.apikey) == (f"Bearer {stack.env['OPENAI_API_KEY']}", None)
    assert user.id.encode() not in seen.body


async def test_a_model_of_another_provider_is_asked_at_its_own_address(
    stack: Stack, server: Wire, new_user: NewUser
) -> None:
    """Claude is called at ANTHROPIC_BASE_URL, with that key, and nothing is sent to OpenAI."""
    async with (
        wire_before(stack.provider_url) as anthropic,
        in_process(
            stack,
            OPENAI_BASE_URL=f"{server.url}/v1",
            ANTHROPIC_BASE_URL=anthropic.url,
            ANTHROPIC_API_KEY="sk-ant",
        ) as api,
    ):
        reply = await api(new_user(), orchestrated(model="claude-haiku-4-5"))
    assert (reply.status_code, reply.json()["meta"]["provider"]) == (200, "anthropic")
    assert [seen.authorization for seen in anthropic.seen] == ["Bearer sk-ant"]
    assert server.seen == []


async def test_a_provider_without_a_key_is_left_for_the_next_one(
    stack: Stack, server: Wire, new_user: NewUser, database: Database
) -> None:
    """Wrong credentials are not retried: the next provider is called."""
    user = new_user()
    async with (
        wire_before(stack.provider_url) as anthropic,
        in_process(stack, OPENAI_BASE_URL=f"{server.url}/v1", ANTHROPIC_BASE_URL=anthropic.url) as api,
    ):
        anthropic.meet("completions", answer(401, b'{"error":{"message":"no key"}}'))
        reply = await api(user, orchestrated(model="claude-haiku-4-5"))
    assert (reply.status_code, reply.json()["meta"]["model"]) == (200, "gpt-3.5-turbo")
    assert (len(anthropic.seen), len(server.seen)) == (1, 1)
    assert [row["http_status"] for row in Books(database, user).attempts()] == [401, 200]
