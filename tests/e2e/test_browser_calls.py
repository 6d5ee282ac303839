"""Calls, aborts and streams of unmodified supabase-js on a page of another origin (fault 14)."""

import json

from tests.books import Books, add_prospect
from tests.calls import orchestrated
from tests.conftest import Database, NewUser
from tests.e2e.app_client import GENERATE, Client, as_user, assert_readable
from tests.proofs.wait import wait_until
from tests.provider import Provider

PATIENCE_SECONDS = 20.0
ONE_TRY = {"retryAttempts": 0, "allowFallback": False}
HANGING = {"kind": "hang", "count": 40, "after_chunks": 4}


async def test_fault_14_a_call_that_is_aborted_ends_at_once(
    app: Client, new_user: NewUser, provider: Provider
) -> None:
    """The signal ends a call whose provider hangs (fault 14)."""
    provider.fail({"kind": "hang"})
    await as_user(app, new_user()).run("begin", GENERATE, orchestrated(**ONE_TRY))
    wait_until(lambda: bool(provider.requests()), PATIENCE_SECONDS)
    said = await app.page.evaluate("() => { abort(); return result }")
    assert (said["error"], said["cause"]) == ("FunctionsFetchError", "AbortError")


async def test_fault_14_the_clients_own_timeout_ends_a_call(
    app: Client, new_user: NewUser, provider: Provider
) -> None:
    """The option `timeout` of invoke works as the library documents it (fault 14)."""
    provider.fail({"kind": "hang"})
    said = await as_user(app, new_user()).invoke(GENERATE, orchestrated(**ONE_TRY), timeout=1_000)
    assert (said["error"], said["cause"]) == ("FunctionsFetchError", "AbortError")


async def test_fault_14_a_streamed_answer_arrives_as_a_stream(
    app: Client, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The first text arrives before the provider has finished; a client that aborts then has paid for it (fault 14)."""
    user = new_user()
    provider.fail(HANGING)
    client = as_user(app, user)
    first_part = await client.run("stream", GENERATE, orchestrated(stream=True, **ONE_TRY))
    assert '"type":"meta"' in first_part["read"]
    assert '"type":"delta"' in first_part["read"]
    assert '"type":"done"' not in first_part["read"]
    headers = first_part["headers"]
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-request-id"]
    assert await app.page.evaluate("() => { abort(); return rest() }") == "AbortError"
    books = Books(database, user)
    wait_until(lambda: [row["state"] for row in books.requests()] == ["settled"], PATIENCE_SECONDS)
    assert books.ledger() == [-10]


async def test_fault_14_a_streamed_answer_is_read_to_its_end(app: Client, new_user: NewUser) -> None:
    """All events arrive, and the joined text of the deltas equals the text of the last event (fault 14)."""
    await as_user(app, new_user()).run("stream", GENERATE, orchestrated(stream=True))
    text = await app.page.evaluate("rest()")
    events = [json.loads(block.removeprefix("data: ")) for block in text.split("\n\n") if block]
    assert (events[0]["type"], events[-1]["type"]) == ("meta", "done")
    assert "".join(event["text"] for event in events if event["type"] == "delta") == events[-1]["content"]


async def test_fault_14_a_refused_stream_is_an_error_not_a_stream(app: Client, new_user: NewUser) -> None:
    """An error with a status is sent before the first byte of a stream (fault 14)."""
    said = await as_user(app, new_user(energy=0)).invoke(GENERATE, orchestrated(stream=True))
    assert_readable(said, 402, "insufficient_energy")


async def test_a_region_may_be_asked_for(app: Client, new_user: NewUser) -> None:
    """The header `x-region` passes the preflight and `forceFunctionRegion` the URL; neither has an effect."""
    said = await as_user(app, new_user()).invoke(GENERATE, orchestrated(), region="ap-southeast-1")
    assert (said["error"], said["body"]["success"]) == (None, True)


async def test_the_rest_of_the_api_is_open_to_another_origin(
    app: Client, new_user: NewUser, database: Database
) -> None:
    """An app on its own development server signs in, reads tables with their counts and calls functions."""
    user = new_user()
    prospect_id = add_prospect(database, user)
    said = await as_user(app, user).run("read", "get_user_from_chatbot_id", {"p_chatbot_id": "demo"})
    assert said["errors"] == [None, None]
    assert (said["rows"], said["count"]) == ([{"id": prospect_id}], 1)
    assert said["called"] is not None
