"""Fault 11: silent use of the service key. The test sees the key of each query of the chat at the wire."""

from collections.abc import AsyncIterator

import pytest

from local.stack.stack import Stack
from tests.conftest import Database, NewUser
from tests.proofs.chat_pages import ChatPage, Visitors, open_page, visitors_of
from tests.provider import Provider
from tests.wire import Seen, Wire, wire_before

# All functions that are called without a user's token: each takes the owner and returns only this owner's data
# for the chat. tests/sql/test_function_rights.py tries each with every other key.
FOR_THE_SERVICE = {
    "chat_open",
    "chat_answer",
    "ai_note_attempt",
    "ai_settle",
    "ai_release",
}


@pytest.fixture
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """Yield the proxy between the function and the Supabase API."""
    async with wire_before(stack.upstream_url) as between:
        yield between


@pytest.fixture
async def visitors(stack: Stack, wire: Wire) -> AsyncIterator[Visitors]:
    """Yield the chat function in this process, whose Supabase is behind the proxy."""
    async with visitors_of(stack, SUPABASE_URL=wire.url) as answered:
        yield answered


@pytest.fixture
def page(new_user: NewUser, database: Database) -> ChatPage:
    """Return an open page."""
    return open_page(database, new_user().id)


def key_of(seen: Seen, stack: Stack) -> str:
    """Return whose key a query carried, in both headers."""
    bearer = (seen.authorization or f"Bearer {seen.apikey}").removeprefix("Bearer ")
    names = {stack.secret_key: "service", stack.publishable_key: "anonymous"}
    kinds = {names.get(key or "", "user") for key in (seen.apikey, bearer)}
    return "+".join(sorted(kinds))


async def test_fault_11_visitors_are_served_by_the_closed_list(
    visitors: Visitors, wire: Wire, stack: Stack, page: ChatPage, provider: Provider, database: Database
) -> None:
    """With the service key the chat calls only listed functions and no table: with answer, error, or no energy."""
    await visitors.say(page, "Hello po")
    provider.fail({"kind": "status", "status": 500, "times": 9})
    await visitors.say(page, "Magkano po?")
    database.execute("update public.user_energy set current_energy = 0 where user_id = %s", [page.owner_id])
    await visitors.say(page, "May tao po ba?")
    asked = {(seen.path, key_of(seen, stack)) for seen in wire.seen}
    assert asked == {(f"/rest/v1/rpc/{name}", "service") for name in FOR_THE_SERVICE}


async def test_fault_11_without_a_users_token_nothing_is_asked(
    visitors: Visitors, wire: Wire, stack: Stack, page: ChatPage
) -> None:
    """A request that needs a user is refused at once with any other key, without a query."""
    refused = {
        "no key": (401, {}),
        "the service's key": (401, {"apikey": stack.secret_key}),
        "a token that nobody issued": (
            401,
            {"apikey": stack.publishable_key, "authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        ),
        "the anonymous key": (403, {"apikey": stack.publishable_key}),
    }
    for who, (status, headers) in refused.items():
        reply = await visitors.say(
            page, "Hello", headers=headers, transformMode=True, systemInstruction="Rewrite."
        )
        assert reply.status_code == status, who
    assert wire.seen == []
