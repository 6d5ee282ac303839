"""Supabase's own client, as a request makes it: its database part, and nothing that anybody would have to close."""

import asyncio

import httpx

from local.stack.stack import Stack
from shared.supabase.client import open_client
from tests.wire import wire_before


async def test_making_one_asks_the_network_nothing_and_leaves_nothing_running(stack: Stack) -> None:
    """A request makes its own: neither a session is looked for, nor a socket or a timer opened."""
    async with wire_before(stack.upstream_url) as wire, httpx.AsyncClient() as http:
        running = asyncio.all_tasks()
        clients = [
            open_client(wire.url, stack.publishable_key, f"token-{number}", http) for number in range(50)
        ]
        assert asyncio.all_tasks() == running
        assert wire.seen == []
        bearers = {client.options.headers["Authorization"] for client in clients}
    assert len(bearers) == 50


async def test_its_calls_go_over_the_pool_that_is_given(stack: Stack) -> None:
    """And carry the key and the bearer that it was made with."""
    async with wire_before(stack.upstream_url) as wire, httpx.AsyncClient() as http:
        client = open_client(wire.url, stack.publishable_key, stack.publishable_key, http)
        await client.table("ai_tiers").select("tier").limit(1).execute()
        (seen,) = wire.seen
        assert (seen.apikey, seen.authorization) == (stack.publishable_key, f"Bearer {stack.publishable_key}")
        assert client.postgrest.session is http


async def test_it_is_made_without_sign_in_and_realtime(stack: Stack) -> None:
    """The package makes both with each client; here each would be of use to nobody."""
    async with httpx.AsyncClient() as http:
        client = open_client(stack.upstream_url, stack.publishable_key, "token", http)
    parts = {type(part).__module__.partition(".")[0] for part in (client.auth, client.realtime)}
    assert parts == {"shared"}
    assert (client.options.auto_refresh_token, client.options.persist_session) == (False, False)
    assert client.options.postgrest_client_retry is False
