"""How a stream can fail, and what serves where a model cannot: the reply and the records."""

import json
from typing import Any
from uuid import uuid4

import pytest

from functions.generate_ai_content.requests.request import call_of
from local.stack.stack import Stack
from shared.ai.stream import LiveStream
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.supabase.auth import Caller
from tests.apps import in_process, services_on
from tests.books import Books
from tests.calls import Api, orchestrated
from tests.conftest import Database, NewUser
from tests.provider import Provider

ONCE = orchestrated(stream=True, retryAttempts=0, allowFallback=False)

# What the provider does -> status, code; 200 is a stream whose last event is the error.
ENDS: list[tuple[dict[str, Any], int, str]] = [
    ({"kind": "refusal"}, 422, "content_refused"),
    ({"kind": "content_filter"}, 200, "content_refused"),
    ({"kind": "empty_choices"}, 502, "provider_error"),
    ({"kind": "malformed"}, 200, "provider_error"),
    ({"kind": "cut", "after_chunks": 0}, 502, "provider_error"),
    ({"kind": "cut", "after_chunks": 5}, 200, "provider_error"),
]


@pytest.mark.parametrize(("fault", "status", "code"), ENDS, ids=[str(row[0]) for row in ENDS])
async def test_a_stream_that_fails_says_why_and_charges_nothing(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider,
    fault: dict[str, Any], status: int, code: str,
) -> None:  # fmt: skip
    """Before the first text it is a status, afterwards an event; one attempt is recorded as it was sent."""
    user = new_user()
    provider.fail(fault)
    async with in_process(stack) as api:
        reply = await api(user, ONCE)
    assert reply.status_code == status
    assert f'"code":"{code}"' in reply.text
    assert ('"type":"error"' in reply.text) is (status == 200)
    books = Books(database, user)
    books.assert_nothing_charged(500)
    assert len(books.attempts()) == len(provider.requests()) == 1
    assert [row["error_code"] for row in books.usage()] == [code]


async def test_fault_19_a_stream_that_drips_is_ended_by_its_deadline(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """One chunk a second without an end: an error event within the budget, and nothing is charged (fault 19)."""
    user = new_user()
    provider.fail({"kind": "drip", "seconds": 1})
    async with in_process(stack, STREAM_TIMEOUT_SECONDS="5") as api:
        reply = await api(user, ONCE)
    assert reply.status_code == 200
    assert '"code":"deadline_exceeded"' in reply.text.split("\n\n")[-2]
    Books(database, user).assert_nothing_charged(500)


async def test_fault_3_a_stream_left_before_its_first_text_pays_nothing(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The provider had started, so its cost is recorded; the caller got no text, so no energy is charged (fault 3)."""
    user = new_user()
    caller = Caller("user", user.id, user.access_token)
    context = RequestContext(uuid4(), "left", Deadline.starting(25))
    async with services_on(stack) as services:
        stream = await services.orchestrator.stream(call_of(ONCE, caller, None), context)
        assert isinstance(stream, LiveStream)
        events = stream.events()
        assert (await anext(events))["type"] == "meta"
        await events.aclose()
    books = Books(database, user)
    books.assert_nothing_charged(500)
    assert [row["state"] for row in books.requests()] == ["released"]
    (attempt,) = books.attempts()
    assert attempt["cost_usd"] > 0
    assert len(provider.requests()) == 1


async def test_a_result_that_is_no_text_is_streamed_without_deltas(api: Api, new_user: NewUser) -> None:
    """A deck is not streamed as text: there is a meta event, then the whole reply."""
    reply = await api(new_user(), {"generationType": "deck", "stream": True})
    events = [json.loads(line.removeprefix("data: ")) for line in reply.text.split("\n\n") if line]
    assert [event["type"] for event in events] == ["meta", "done"]
    assert len(events[1]["output"]["deck"]) == 7


async def test_fault_8_a_provider_that_refuses_our_key_is_asked_once(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Its other models would refuse the same key: they are not called, and nothing is charged (fault 8)."""
    user = new_user()
    provider.fail({"kind": "status", "status": 401})
    reply = await api(user, orchestrated())
    assert (reply.status_code, reply.json()["code"]) == (502, "provider_error")
    books = Books(database, user)
    assert len(books.attempts()) == len(provider.requests()) == 1
    books.assert_nothing_charged(500)


async def test_an_open_circuit_is_an_error_without_a_provider_request(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """One failure opens it here: the next call gets 503 with Retry-After, and is free."""
    user = new_user()
    provider.fail({"kind": "status", "status": 500})
    body = orchestrated(retryAttempts=0, allowFallback=False)
    async with in_process(stack, CIRCUIT_FAILURES="1") as api:
        assert (await api(user, body)).status_code == 502
        reply = await api(user, body)
    assert (reply.status_code, reply.json()["code"]) == (503, "provider_unavailable")
    assert 1 <= int(reply.headers["retry-after"]) <= 30
    assert len(provider.requests()) == 1
    Books(database, user).assert_nothing_charged(500)


async def test_a_model_without_schemas_gets_the_schema_in_words(
    api: Api, new_user: NewUser, provider: Provider
) -> None:
    """If such a model is named, JSON mode is used, and the result is still validated."""
    prompt = "Give JSON with the fields summary and score. Maria: kailangan ko ng extra income."
    reply = await api(new_user(), {"prompt": prompt, "mode": "deep_intel", "model": "gpt-3.5-turbo"})
    assert (reply.status_code, reply.json()["modelName"]) == (200, "gpt-3.5-turbo")
    assert isinstance(reply.json()["output"], dict)
    (sent,) = provider.bodies()
    assert sent["response_format"] == {"type": "json_object"}
    assert "one JSON object of this schema" in sent["messages"][0]["content"]


async def test_a_prompt_beyond_the_wished_model_is_served_by_a_larger_one_and_reported(
    api: Api, new_user: NewUser
) -> None:
    """13,000 bytes and 4,096 tokens are more than the 16,385 of gpt-3.5-turbo."""
    body = orchestrated(model="gpt-3.5-turbo", maxTokens=4096)
    body["messages"] = [{"role": "user", "content": "x" * 13_000}]
    reply = await api(new_user(), body)
    assert reply.status_code == 200
    meta = reply.json()["meta"]
    assert (meta["requestedModel"], meta["model"], meta["downgradeReason"]) == (
        "gpt-3.5-turbo", "gpt-4o-mini", "capability",
    )  # fmt: skip
