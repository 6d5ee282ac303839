"""Streamed replies over real HTTP: the events, the exact end, and clients that disconnect."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from local.stack.stack import Stack
from tests.books import Books, add_prospect
from tests.calls import URL, Api, message, orchestrated
from tests.conftest import Database, NewUser
from tests.provider import Provider
from tests.users import User

Event = dict[str, Any]


@asynccontextmanager
async def streaming(stack: Stack, user: User, body: object, **headers: str) -> AsyncIterator[httpx.Response]:
    """Yield an open streamed call over a separate connection, closed as a browser tab closes it."""
    sent = {"apikey": stack.publishable_key, "authorization": f"Bearer {user.access_token}", **headers}
    async with (
        httpx.AsyncClient(base_url=stack.url, timeout=60) as client,
        client.stream("POST", URL, json=body, headers=sent) as reply,
    ):
        yield reply


async def events_of(reply: httpx.Response) -> AsyncIterator[Event]:
    """Yield the events as they arrive."""
    async for line in reply.aiter_lines():
        if line:
            assert line.startswith("data: ")
            yield json.loads(line.removeprefix("data: "))


async def ended(books: Books) -> dict[str, Any]:
    """Return the user's one request when it is no longer held; a client that disconnected cannot see when."""
    for _ in range(400):
        (request,) = books.requests()
        if request["state"] != "held":
            return request
        await asyncio.sleep(0.025)
    raise AssertionError("the hold was never resolved")


async def test_a_stream_gives_meta_then_the_text_then_the_whole_reply(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Text, usage, energy and the row agree with the last event."""
    user = new_user()
    provider.fail({"kind": "chunks", "count": 5})
    async with streaming(stack, user, orchestrated(stream=True)) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["access-control-allow-origin"] == "*"
        assert reply.headers["x-model-served"] == "gpt-4o"
        events = [event async for event in events_of(reply)]
    meta, *deltas, done = events
    assert (meta["type"], meta["model"], meta["energy"]) == ("meta", "gpt-4o", 10)
    assert {delta["type"] for delta in deltas} == {"delta"}
    assert done["type"] == "done"
    assert "".join(delta["text"] for delta in deltas) == done["message"] == done["output"]["message"]
    assert done["meta"]["energyConsumed"] == 10
    books = Books(database, user)
    (usage,) = books.usage()
    assert (usage["success"], usage["tokens_total"], usage["cost_estimated"]) == (
        True,
        done["tokensUsed"],
        False,
    )
    assert str(usage["request_id"]) == meta["requestId"] == done["requestId"]
    assert books.energy() == 490


@pytest.mark.parametrize("asked", ["stream in the body", "config.stream", "Accept"])
async def test_each_way_of_asking_gives_a_stream(stack: Stack, new_user: NewUser, asked: str) -> None:
    """The body's `stream`, the configuration's, and the Accept header have the same effect."""
    body = orchestrated()
    headers = {}
    match asked:
        case "stream in the body":
            body["stream"] = True
        case "config.stream":
            body["config"]["stream"] = True
        case _:
            headers["accept"] = "text/event-stream"
    async with streaming(stack, new_user(), body, **headers) as reply:
        types = [event["type"] async for event in events_of(reply)]
    assert (types[0], types[-1]) == ("meta", "done")


async def test_a_structured_result_is_streamed_only_as_a_valid_whole(
    stack: Stack, new_user: NewUser, database: Database
) -> None:
    """A message with a schema is checked first, then sent in the form of a stream."""
    user = new_user()
    body = message(add_prospect(database, user)) | {"stream": True}
    async with streaming(stack, user, body) as reply:
        meta, delta, done = [event async for event in events_of(reply)]
    assert meta["type"] == "meta"
    assert delta["text"] == done["output"]["message"]
    assert len(done["output"]["alternatives"]) == 2


async def test_what_can_fail_with_a_status_fails_before_the_first_byte(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """A lack of energy, and a provider that refuses at first, give a status with a JSON body, not events."""
    poor, user = new_user(energy=0), new_user()
    async with streaming(stack, poor, orchestrated(stream=True)) as reply:
        assert reply.status_code == 402
        assert json.loads(await reply.aread())["code"] == "insufficient_energy"
    provider.fail({"kind": "status", "status": 400, "times": 9})
    async with streaming(stack, user, orchestrated(stream=True)) as reply:
        assert reply.status_code == 502
        assert json.loads(await reply.aread())["code"] == "provider_error"
    Books(database, user).assert_nothing_charged(500)


async def test_a_stream_that_fails_at_its_start_falls_back_to_the_next_model(
    stack: Stack, new_user: NewUser, provider: Provider
) -> None:
    """Before the first byte, retries and fallbacks are those of a buffered call."""
    provider.fail({"kind": "status", "status": 404})
    async with streaming(stack, new_user(), orchestrated(stream=True)) as reply:
        *_, done = [event async for event in events_of(reply)]
    assert done["meta"]["fallbackUsed"] is True
    assert done["meta"]["retryCount"] == 1


@pytest.mark.parametrize("chunks", [1, 3])
async def test_fault_18_a_stream_that_breaks_is_reported_released_and_not_replayed(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider, chunks: int
) -> None:
    """An error event ends the stream, no energy is charged, the upper bound is recorded; the key runs again."""
    user = new_user()
    provider.fail({"kind": "cut", "after_chunks": chunks + 1})
    key = {"idempotency-key": f"broken-{chunks}"}
    async with streaming(stack, user, orchestrated(stream=True), **key) as reply:
        assert reply.status_code == 200
        events = [event async for event in events_of(reply)]
    assert (events[0]["type"], events[-1]["type"]) == ("meta", "error")
    assert (events[-1]["code"], events[-1]["success"]) == ("provider_error", False)
    books = Books(database, user)
    books.assert_nothing_charged(500)
    (attempt,) = books.attempts()
    assert (attempt["state"], attempt["cost_estimated"], attempt["cost_method"]) == (
        "failed",
        True,
        "upper_bound",
    )
    async with streaming(stack, user, orchestrated(stream=True), **key) as reply:
        assert "idempotency-replayed" not in reply.headers
        *_, done = [event async for event in events_of(reply)]
    assert done["type"] == "done"
    assert books.energy() == 490
    assert len(provider.requests()) == 2


@pytest.mark.parametrize("received", range(1, 31))
async def test_fault_3_a_client_that_disconnects_after_k_chunks_is_settled_exactly(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider, received: int
) -> None:
    """For each k up to 30 chunks: charged once, marked, the provider's request ended, no hold (fault 3)."""
    user = new_user()
    provider.fail({"kind": "hang", "count": 40, "after_chunks": received + 1})
    async with streaming(stack, user, orchestrated(stream=True)) as reply:
        events = events_of(reply)
        assert (await anext(events))["type"] == "meta"
        for _ in range(received):
            assert (await anext(events))["type"] == "delta"
    books = Books(database, user)
    request = await ended(books)
    assert (request["state"], request["energy_charged"], request["reply"]) == ("settled", 10, None)
    (usage,) = books.usage()
    assert (usage["success"], usage["error_code"], usage["cost_estimated"]) == (True, "client_closed", True)
    (attempt,) = books.attempts()
    assert attempt["cost_usd"] == usage["cost_usd"] > 0
    (seen,) = provider.requests()
    assert seen["aborted"] is True
    assert books.energy() == 490


async def test_fault_3_a_client_that_disconnects_before_the_first_chunk_pays_nothing(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Nothing was delivered, so the energy is released; what the provider may bill is recorded (fault 3)."""
    user = new_user()
    provider.fail({"kind": "hang"})
    with pytest.raises(httpx.ReadTimeout):
        async with httpx.AsyncClient(base_url=stack.url, timeout=httpx.Timeout(60, read=1.0)) as client:
            await client.post(
                URL,
                json=orchestrated(stream=True),
                headers={"apikey": stack.publishable_key, "authorization": f"Bearer {user.access_token}"},
            )
    books = Books(database, user)
    assert (await ended(books))["state"] == "released"
    books.assert_nothing_charged(500)
    (usage,) = books.usage()
    assert (usage["error_code"], usage["cost_estimated"]) == ("client_closed", True)


async def test_a_finished_stream_is_replayed_in_the_form_that_is_asked_for(
    stack: Stack, api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The same key returns the stored result, buffered or streamed."""
    user = new_user()
    key = {"idempotency-key": "finished-stream"}
    async with streaming(stack, user, orchestrated(stream=True), **key) as reply:
        *_, done = [event async for event in events_of(reply)]
    buffered = await api(user, orchestrated(), idempotency_key="finished-stream")
    assert buffered.headers["idempotency-replayed"] == "true"
    assert buffered.json()["message"] == done["message"]
    async with streaming(stack, user, orchestrated(stream=True), **key) as reply:
        assert reply.headers["idempotency-replayed"] == "true"
        meta, delta, again = [event async for event in events_of(reply)]
    assert meta["requestId"] == done["requestId"]
    assert delta["text"] == done["message"] == again["message"]
    assert len(provider.requests()) == 1
    assert Books(database, user).energy() == 490


async def test_a_stream_whose_client_disconnected_is_never_replayed_as_a_success(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The key of a stream whose client disconnected is free; the same call runs and is charged again."""
    user = new_user()
    key = {"idempotency-key": "left-stream"}
    provider.fail({"kind": "hang", "count": 30, "after_chunks": 3})
    async with streaming(stack, user, orchestrated(stream=True), **key) as reply:
        events = events_of(reply)
        assert [(await anext(events))["type"] for _ in range(3)] == ["meta", "delta", "delta"]
    books = Books(database, user)
    await ended(books)
    async with streaming(stack, user, orchestrated(stream=True), **key) as reply:
        assert "idempotency-replayed" not in reply.headers
        *_, done = [event async for event in events_of(reply)]
    assert done["type"] == "done"
    assert books.energy() == 480
