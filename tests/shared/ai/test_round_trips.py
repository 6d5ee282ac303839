"""How often a call waits for the database: counted at the wire, never by a clock.

Each request is held until all requests that should be sent at the same time have arrived. A function that sent them
one after another would wait for ever, so an answer proves the number of round trips.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from local.stack.stack import Stack
from tests.apps import in_process
from tests.books import add_prospect
from tests.calls import Api, message, orchestrated
from tests.conftest import Database, NewUser
from tests.proofs.chat_pages import Visitors, open_page, visitors_of
from tests.provider import Provider
from tests.wire import Wire, wire_before

PATIENCE_SECONDS = 4.5
"""Less than the function's own limit of a database call, after which it would send it again."""


@pytest.fixture
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """Yield the proxy between the function and the Supabase API."""
    async with wire_before(stack.upstream_url) as between:
        yield between


@pytest.fixture
async def api(stack: Stack, wire: Wire) -> AsyncIterator[Api]:
    """Yield the function in this process, whose Supabase is behind the proxy."""
    async with in_process(stack, SUPABASE_URL=wire.url) as calls:
        yield calls


@pytest.fixture
async def visitors(stack: Stack, wire: Wire) -> AsyncIterator[Visitors]:
    """Yield the chat function in this process, whose Supabase is behind the proxy."""
    async with visitors_of(stack, SUPABASE_URL=wire.url) as answered:
        yield answered


def show(capsys: pytest.CaptureFixture[str], what: str, wire: Wire, waits: int) -> None:
    """Print the figures."""
    with capsys.disabled():
        sys.stdout.write(f"\n{what}: {len(wire.seen)} requests to Supabase in {waits} waits {wire.names()}\n")


async def test_a_warm_message_waits_twice(
    api: Api, wire: Wire, new_user: NewUser, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are 3 requests: the reservation beside the prospect, then the settlement."""
    user = new_user()
    body = message(add_prospect(database, user))
    assert (await api(user, body)).status_code == 200
    wire.expect_waves(2, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        reply = await api(user, body)
    assert (reply.status_code, reply.json()["meta"]["cached"]) == (200, True)
    show(capsys, "warm message", wire, 2)
    assert sorted(wire.names()[:2]) == ["ai_reserve", "prospects"]
    assert wire.names()[2:] == ["ai_settle"]


async def test_a_cold_message_waits_twice(
    api: Api, wire: Wire, new_user: NewUser, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are 4 requests: the configuration is read beside the two others."""
    user = new_user()
    body = message(add_prospect(database, user))
    wire.expect_waves(3, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        reply = await api(user, body)
    assert (reply.status_code, reply.json()["meta"]["cached"]) == (200, False)
    show(capsys, "cold message", wire, 2)
    assert sorted(wire.names()[:3]) == ["ai_reserve", "load_ai_configuration", "prospects"]
    assert wire.names()[3:] == ["ai_settle"]


async def test_a_warm_orchestrator_call_waits_twice(
    api: Api, wire: Wire, new_user: NewUser, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are 2 requests if there is no prospect to read."""
    user = new_user()
    assert (await api(user, orchestrated())).status_code == 200
    wire.expect_waves(1, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await api(user, orchestrated())).status_code == 200
    show(capsys, "warm orchestrator call", wire, 2)
    assert wire.names() == ["ai_reserve", "ai_settle"]


async def test_a_second_attempt_waits_once_more(
    api: Api, wire: Wire, new_user: NewUser, provider: Provider
) -> None:
    """The second attempt is noted before it is sent."""
    user = new_user()
    assert (await api(user, orchestrated())).status_code == 200
    provider.fail({"kind": "status", "status": 500})
    wire.expect_waves(1, 1, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await api(user, orchestrated())).status_code == 200
    assert wire.names() == ["ai_reserve", "ai_note_attempt", "ai_settle"]


async def test_a_failed_call_waits_as_often_as_a_delivered_one(
    api: Api, wire: Wire, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The release is sent in place of the settlement."""
    user = new_user()
    body = message(add_prospect(database, user))
    assert (await api(user, body)).status_code == 200
    provider.fail({"kind": "refusal"})
    wire.expect_waves(2, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await api(user, body)).status_code == 422
    assert wire.names()[2:] == ["ai_release"]


async def test_a_replay_waits_once(api: Api, wire: Wire, new_user: NewUser, database: Database) -> None:
    """The reservation returns the stored reply."""
    user = new_user()
    body = message(add_prospect(database, user))
    assert (await api(user, body, idempotency_key=user.id)).status_code == 200
    wire.expect_waves(2)
    async with asyncio.timeout(PATIENCE_SECONDS):
        reply = await api(user, body, idempotency_key=user.id)
    assert (reply.status_code, reply.headers["idempotency-replayed"]) == (200, "true")
    assert sorted(wire.names()) == ["ai_reserve", "prospects"]


async def test_a_changed_configuration_is_read_once_more(
    api: Api, wire: Wire, new_user: NewUser, database: Database
) -> None:
    """The reservation reports that the cached one is old: the next call sees the change, with one more wait."""
    user = new_user()
    assert (await api(user, orchestrated())).status_code == 200
    database.execute("update public.profiles set full_name = 'Liza' where id = %s", [user.id])
    wire.expect_waves(1, 1, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        reply = await api(user, orchestrated())
    assert (reply.status_code, reply.json()["meta"]["cached"]) == (200, False)
    assert wire.names() == ["ai_reserve", "load_ai_configuration", "ai_settle"]


async def test_a_refused_body_asks_nothing(api: Api, wire: Wire, new_user: NewUser) -> None:
    """An invalid body is refused without the database, and so is a bad token."""
    user = new_user()
    wire.seen.clear()
    assert (await api(user, orchestrated(temperature=9))).status_code == 400
    assert (await api(None, orchestrated())).status_code == 401
    assert wire.seen == []


async def test_a_warm_visitor_message_waits_twice(
    visitors: Visitors, wire: Wire, new_user: NewUser, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """2 requests: the reservation stores the question and returns the material, the settlement stores the answer."""
    page = open_page(database, new_user().id)
    assert (await visitors.say(page, "Hello po")).json()["handledBy"] == "ai"
    wire.expect_waves(1, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        reply = await visitors.say(page, "Magkano po?")
    assert (reply.status_code, reply.json()["handledBy"]) == (200, "ai")
    show(capsys, "warm visitor message", wire, 2)
    assert wire.names() == ["chat_open", "ai_settle"]


async def test_a_cold_visitor_message_waits_twice(
    visitors: Visitors, wire: Wire, new_user: NewUser, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are 2 requests: nothing of an owner is read or cached before the reservation has verified the session."""
    page = open_page(database, new_user().id)
    wire.expect_waves(1, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        reply = await visitors.say(page, "Hello po")
    assert (reply.status_code, reply.json()["handledBy"]) == (200, "ai")
    show(capsys, "cold visitor message", wire, 2)
    assert wire.names() == ["chat_open", "ai_settle"]


async def test_a_streamed_visitor_message_waits_twice(
    visitors: Visitors, wire: Wire, new_user: NewUser, database: Database
) -> None:
    """There are the same two requests."""
    page = open_page(database, new_user().id)
    assert (await visitors.say(page, "Hello po")).status_code == 200
    wire.expect_waves(1, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        reply = await visitors.say(page, "Magkano po?", stream=True)
    assert '"type":"done"' in reply.text.replace(" ", "")
    assert wire.names() == ["chat_open", "ai_settle"]


async def test_a_visitor_whom_no_model_answers_waits_twice(
    visitors: Visitors, wire: Wire, new_user: NewUser, database: Database
) -> None:
    """Storing the fallback answer replaces the settlement (no energy) or the release (the model failed)."""
    page = open_page(database, new_user(energy=100).id)
    assert (await visitors.say(page, "Hello po")).status_code == 200
    database.execute("update public.user_energy set current_energy = 0 where user_id = %s", [page.owner_id])
    wire.expect_waves(1, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        reply = await visitors.say(page, "Magkano po?")
    assert (reply.status_code, reply.json()["handledBy"]) == (200, "away")
    assert wire.names() == ["chat_open", "chat_answer"]
