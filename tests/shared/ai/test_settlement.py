"""The end of a call when the ledger does not answer, or when the caller has disconnected."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from starlette.requests import Request
from starlette.responses import Response

from functions.generate_ai_content.requests.request import call_of
from local.stack.stack import Stack
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.supabase.auth import Caller
from tests.apps import in_process, services_on
from tests.books import Books
from tests.calls import Api, orchestrated
from tests.conftest import Database, NewUser
from tests.provider import Provider
from tests.sql.invariants import broken
from tests.wire import Seen, Wire, lose_answer, lose_request, pass_on, wire_before


@pytest.fixture
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """Yield the proxy before the Supabase API."""
    async with wire_before(stack.upstream_url) as between:
        yield between


@pytest.fixture
async def api(stack: Stack, wire: Wire) -> AsyncIterator[Api]:
    """Yield the function in this process, whose Supabase is behind the proxy."""
    async with in_process(stack, SUPABASE_URL=wire.url) as calls:
        yield calls


async def test_a_result_whose_settlement_was_made_but_not_answered_is_delivered(
    api: Api, wire: Wire, new_user: NewUser, database: Database
) -> None:
    """All three answers are lost: the user, who was charged, gets the text and the energy held."""
    user = new_user()
    wire.meet("ai_settle", lose_answer, lose_answer, lose_answer)
    reply = await api(user, orchestrated())
    assert reply.status_code == 200
    assert reply.json()["message"]
    assert reply.json()["meta"]["energyConsumed"] == 10
    books = Books(database, user)
    assert books.ledger() == [-10]
    assert [row["state"] for row in books.requests()] == ["settled"]
    assert wire.names().count("ai_settle") == 3


async def test_a_result_whose_settlement_never_arrived_is_delivered_and_free(
    api: Api, wire: Wire, new_user: NewUser, database: Database
) -> None:
    """The hold expires, nothing is charged, and the sweep records the attempt."""
    user = new_user()
    wire.meet("ai_settle", lose_request, lose_request, lose_request)
    reply = await api(user, orchestrated())
    assert (reply.status_code, reply.json()["meta"]["energyConsumed"]) == (200, 10)
    database.execute(
        "update public.ai_requests set expires_at = now() - interval '1 second' where user_id = %s", [user.id]
    )
    database.execute("select public.ai_sweep()")
    books = Books(database, user)
    books.assert_nothing_charged(500)
    (usage,) = books.usage()
    assert (usage["success"], usage["error_code"], usage["cost_estimated"]) == (False, "abandoned", True)
    assert broken(database, UUID(user.id)) == []


async def test_a_caller_that_disconnects_during_the_reservation_has_no_hold(
    stack: Stack, wire: Wire, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The reservation is made and released; nothing was sent, so no attempt is recorded and the key is free."""
    user, reserved, gone = new_user(), asyncio.Event(), asyncio.Event()

    async def slow(between: Wire, seen: Seen, request: Request) -> Response:
        response = await pass_on(between, seen, request)
        reserved.set()
        await gone.wait()
        return response

    wire.meet("ai_reserve", slow)
    request_id = uuid4()
    async with services_on(stack, SUPABASE_URL=wire.url) as services:
        call = call_of(orchestrated(), Caller("user", user.id, user.access_token), "a key")
        context = RequestContext(request_id, str(request_id), Deadline.starting(25))
        task = asyncio.create_task(services.orchestrator.stream(call, context))
        await reserved.wait()
        task.cancel()
        gone.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    books = Books(database, user)
    assert [row["state"] for row in books.requests()] == ["released"]
    assert books.attempts() == provider.requests() == []
    assert [row["error_code"] for row in books.usage()] == ["client_closed"]
    books.assert_nothing_charged(500)
