"""The database for three kinds of caller: which key each query carries, and which errors its failures become."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from local.stack.stack import Stack
from shared.deadline import Deadline
from shared.errors import DeadlineExceeded, NexscoutError, ServiceUnavailable, Unauthorized
from shared.supabase.database import MAX_AT_ONCE, DatabaseRefused
from shared.supabase.database import Database as Connections
from tests.apps import in_process, services_on
from tests.books import add_prospect
from tests.calls import message
from tests.conftest import Database, NewUser
from tests.proofs.wait import wait_until
from tests.shared.clock import HandClock
from tests.users import User
from tests.wire import Seen, Way, Wire, answer, hold, lose_answer, lose_request, wire_before


def soon() -> Deadline:
    """Return a deadline that no test reaches."""
    return Deadline.starting(20)


@pytest.fixture
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """Yield the proxy before the Supabase API."""
    async with wire_before(stack.upstream_url) as between:
        yield between


@pytest.fixture
async def connections(stack: Stack, wire: Wire) -> AsyncIterator[Connections]:
    """Yield the database as the functions reach it, behind the proxy."""
    async with services_on(stack, SUPABASE_URL=wire.url) as services:
        yield services.database


def key_of(seen: Seen, stack: Stack, user: User | None = None) -> str:
    """Return the kind of key that a request carried; it may carry only one kind."""
    kinds = {
        (stack.publishable_key, f"Bearer {user.access_token if user else ''}"): "user",
        (stack.publishable_key, f"Bearer {stack.publishable_key}"): "anonymous",
        (stack.publishable_key, None): "anonymous",
        (stack.secret_key, f"Bearer {stack.secret_key}"): "service",
        (stack.secret_key, None): "service",
    }
    return kinds[seen.apikey or "", seen.authorization]


async def test_fault_11_each_connection_carries_its_own_key(
    connections: Connections, wire: Wire, stack: Stack, new_user: NewUser
) -> None:
    """Each is opened by name, never chosen by what is missing; also when they are used in turn (fault 11)."""
    user = new_user()
    opened = [
        connections.as_user(user.access_token),
        connections.as_anonymous(),
        connections.as_service(),
        connections.as_user(user.access_token),
    ]
    for connection in opened:
        await connection.find("ai_tiers", {"tier": "pro"}, soon())
    kinds = [key_of(seen, stack, user) for seen in wire.seen]
    assert kinds == ["user", "anonymous", "service", "user"]


async def test_fault_11_a_call_reads_as_its_user_and_handles_money_as_the_service(
    wire: Wire, stack: Stack, new_user: NewUser, database: Database
) -> None:
    """The secret key is on the money functions and on nothing else (fault 11)."""
    user = new_user()
    async with in_process(stack, SUPABASE_URL=wire.url) as api:
        reply = await api(user, message(add_prospect(database, user)))
    assert reply.status_code == 200
    assert {seen.name: key_of(seen, stack, user) for seen in wire.seen} == {
        "ai_reserve": "service",
        "ai_settle": "service",
        "load_ai_configuration": "user",
        "prospects": "user",
    }


async def test_fault_11_the_next_user_on_the_same_pool_has_the_own_token(
    connections: Connections, stack: Stack, wire: Wire, new_user: NewUser, database: Database
) -> None:
    """Connections share sockets, not identities: each user finds only their own row (fault 11)."""
    first, second = new_user(), new_user()
    prospects = {user.id: add_prospect(database, user) for user in (first, second)}
    for user, other in ((first, second), (second, first), (first, second)):
        connection = connections.as_user(user.access_token)
        assert await connection.find("prospects", {"id": prospects[user.id]}, soon()) is not None
        assert await connection.find("prospects", {"id": prospects[other.id]}, soon()) is None
        assert [key_of(seen, stack, user) for seen in wire.seen[-2:]] == ["user", "user"]


async def test_a_row_is_found_by_all_its_values(
    connections: Connections, new_user: NewUser, database: Database
) -> None:
    """Only the requested columns are returned; None if one value differs."""
    user = new_user()
    prospect_id = add_prospect(database, user, 'Maria, (Santos) "M" & co.')
    connection = connections.as_user(user.access_token)
    equal = {"id": prospect_id, "full_name": 'Maria, (Santos) "M" & co.'}
    assert await connection.find("prospects", equal, soon(), "id") == {"id": prospect_id}
    assert await connection.find("prospects", equal | {"user_id": str(uuid4())}, soon()) is None


ERRORS: list[tuple[str, Way, type[NexscoutError]]] = [
    ("gateway without an upstream", answer(503, b'{"message":"name resolution failed"}'), ServiceUnavailable),
    ("gateway's page", answer(502, b"<html>", "text/html"), ServiceUnavailable),
    ("gateway gave up", answer(504, b""), ServiceUnavailable),
    ("platform's limit", answer(429, b"Too many requests", "text/plain"), ServiceUnavailable),
    ("no connection to PostgreSQL", answer(503, b'{"code":"PGRST000","message":"x"}'), ServiceUnavailable),
    ("lost its connection", answer(503, b'{"code":"PGRST001","message":"x"}'), ServiceUnavailable),
    ("reading its schema", answer(503, b'{"code":"PGRST002","message":"x"}'), ServiceUnavailable),
    ("pool exhausted", answer(504, b'{"code":"PGRST003","message":"x"}'), ServiceUnavailable),
    ("connection failure", answer(500, b'{"code":"08006","message":"x"}'), ServiceUnavailable),
    ("too many connections", answer(500, b'{"code":"53300","message":"x"}'), ServiceUnavailable),
    ("statement timeout", answer(500, b'{"code":"57014","message":"x"}'), ServiceUnavailable),
    ("deadlock", answer(500, b'{"code":"40P01","message":"x"}'), ServiceUnavailable),
    ("connection lost", lose_answer, ServiceUnavailable),
    ("never arrived", lose_request, ServiceUnavailable),
    ("expired token", answer(401, b'{"code":"PGRST303","message":"JWT expired"}'), Unauthorized),
    ("unreadable token", answer(401, b'{"code":"PGRST301","message":"x"}'), Unauthorized),
    ("no right", answer(403, b'{"code":"42501","message":"secret words"}'), DatabaseRefused),
    ("no such function", answer(404, b'{"code":"PGRST202","message":"x"}'), DatabaseRefused),
    ("constraint", answer(409, b'{"code":"23505","message":"x"}'), DatabaseRefused),
]


@pytest.mark.parametrize(("way", "error"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
async def test_a_failure_is_wrapped_once_and_not_tried_again_here(
    connections: Connections, wire: Wire, way: Way, error: type[NexscoutError]
) -> None:
    """Each kind becomes one class of ours, without a hidden retry and without the database's text."""
    wire.meet("ai_tiers", way)
    with pytest.raises(error) as caught:
        await connections.as_service().find("ai_tiers", {"tier": "pro"}, soon())
    assert wire.names() == ["ai_tiers"]
    assert "secret words" not in caught.value.message
    assert caught.value.__cause__ is not None


async def test_a_refusal_keeps_its_code(connections: Connections, wire: Wire) -> None:
    """The code is for the log and for code that depends on it."""
    wire.meet("ai_tiers", answer(403, b'{"code":"42501","message":"x"}'))
    with pytest.raises(DatabaseRefused) as caught:
        await connections.as_service().find("ai_tiers", {"tier": "pro"}, soon())
    assert caught.value.sqlstate == "42501"


async def test_an_unreachable_database_is_unavailable(stack: Stack) -> None:
    """No server listens at the address."""
    async with services_on(stack, SUPABASE_URL="http://127.0.0.1:9") as services:
        with pytest.raises(ServiceUnavailable):
            await services.database.as_service().rpc("ai_sweep", {}, soon())


async def test_a_call_ends_with_the_budget(connections: Connections, wire: Wire) -> None:
    """The remaining time of the request limits the call."""
    wire.meet("ai_tiers", hold)
    with pytest.raises(DeadlineExceeded):
        await connections.as_service().find("ai_tiers", {"tier": "pro"}, Deadline.starting(0.05))


async def test_a_call_that_is_too_slow_within_the_budget_is_unavailable(
    connections: Connections, wire: Wire
) -> None:
    """The request may still do something else: this clock does not move, so the budget never ends."""
    wire.meet("ai_tiers", hold)
    with pytest.raises(ServiceUnavailable):
        await connections.as_service().find(
            "ai_tiers", {"tier": "pro"}, Deadline.starting(0.05, clock=HandClock())
        )


async def test_no_call_is_sent_without_budget(connections: Connections, wire: Wire) -> None:
    """Nothing is sent whose answer could not be waited for."""
    with pytest.raises(DeadlineExceeded):
        await connections.as_service().find("ai_tiers", {"tier": "pro"}, Deadline.starting(0))
    assert wire.seen == []


async def test_a_held_connection_does_not_keep_others_waiting(connections: Connections, wire: Wire) -> None:
    """The pool has several connections, and a call that was given up returns its own."""
    wire.meet("ai_tiers", *[hold] * 3)
    for _ in range(3):
        with pytest.raises(DeadlineExceeded):
            await connections.as_service().find("ai_tiers", {"tier": "pro"}, Deadline.starting(0.05))
    assert await connections.as_service().find("ai_tiers", {"tier": "pro"}, soon()) is not None


async def test_calls_beyond_those_at_once_wait_on_their_own_budget(
    connections: Connections, wire: Wire
) -> None:
    """They wait for a free place within their own budget; one whose budget ends while it waits is never sent."""
    wire.meet("ai_tiers", *[hold] * MAX_AT_ONCE)
    busy = [
        asyncio.create_task(connections.as_service().find("ai_tiers", {"tier": "pro"}, soon()))
        for _ in range(MAX_AT_ONCE)
    ]
    # Each is held before one is cancelled; otherwise the next would be held in its place.
    await asyncio.to_thread(wait_until, lambda: len(wire.seen) == MAX_AT_ONCE, 5)
    with pytest.raises(DeadlineExceeded):
        await connections.as_service().find("ai_tiers", {"tier": "free"}, Deadline.starting(0.05))
    waiting = asyncio.create_task(connections.as_service().find("ai_tiers", {"tier": "team"}, soon()))
    busy[0].cancel()
    assert await waiting is not None
    assert len(wire.seen) <= MAX_AT_ONCE + 1
    for call in busy:
        call.cancel()
    await asyncio.gather(*busy, return_exceptions=True)


async def test_the_pool_is_the_processs_own(stack: Stack) -> None:
    """No client of the Supabase package opens other sockets: when the pool is closed, no query is possible."""
    async with services_on(stack) as services:
        await services.http.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await services.database.as_service().find("ai_tiers", {"tier": "pro"}, soon())
    assert isinstance(services.http, httpx.AsyncClient)
