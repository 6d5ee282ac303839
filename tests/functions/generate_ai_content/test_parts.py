"""Results that are too long for one request: written in several simultaneous requests, delivered and charged as one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from local.stack.stack import Stack
from tests.apps import in_process
from tests.books import Books, add_prospect
from tests.calls import Api
from tests.conftest import Database, NewUser
from tests.functions.generate_ai_content.content_bodies import NOTES, case_of
from tests.provider import Provider
from tests.wire import Wire, wire_before

ELITE = case_of("deck-elite").body()


@pytest.fixture
async def server(stack: Stack) -> AsyncIterator[Wire]:
    """Yield a proxy before the simulated provider."""
    async with wire_before(stack.provider_url) as between:
        yield between


@pytest.fixture
async def api(stack: Stack, server: Wire) -> AsyncIterator[Api]:
    """Yield the function in this process, behind that proxy."""
    async with in_process(stack, OPENAI_BASE_URL=f"{server.url}/v1") as calls:
        yield calls


def shares(provider: Provider) -> set[str]:
    """Return what each request says about its share, up to the first comma."""
    return {body["messages"][-1]["content"].partition(",")[0] for body in provider.bodies()}


def deck_of(body: dict[str, Any]) -> list[int]:
    """Return the numbers of the slides."""
    return [slide["slide"] for slide in body["output"]["deck"]]


async def test_an_elite_deck_is_asked_for_in_three_requests_at_the_same_time(
    api: Api, server: Wire, provider: Provider, new_user: NewUser, database: Database
) -> None:
    """Each request is held until all three have arrived; the deck is complete, in order, and charged once."""
    user = new_user("elite", 500)
    server.expect_waves(3)
    reply = await api(user, ELITE)
    body = reply.json()
    assert reply.status_code == 200, body
    assert deck_of(body) == list(range(1, 16))
    assert shares(provider) == {
        f"Write the slides {first} to {last} only" for first, last in [(1, 5), (6, 10), (11, 15)]
    }
    assert (body["meta"]["energyConsumed"], body["meta"]["retryCount"]) == (100, 0)
    books = Books(database, user)
    assert (books.energy(), sorted(row["ordinal"] for row in books.attempts())) == (400, [1, 2, 3])
    (usage,) = books.usage()
    assert usage["retry_count"] == 0
    assert (
        usage["tokens_total"]
        == body["usage"]["total_tokens"]
        == sum(row["prompt_tokens"] + row["completion_tokens"] for row in provider.requests())
    )


async def test_a_sequence_of_ten_steps_is_written_in_two_halves_with_days_that_rise(
    api: Api, server: Wire, provider: Provider, new_user: NewUser, database: Database
) -> None:
    """The days of both halves are set in advance, since neither request knows the other's answer."""
    user = new_user("pro", 500)
    prospect_id = add_prospect(database, user, "Maria Santos", NOTES)
    server.expect_waves(2)
    reply = await api(user, case_of("sequence").body(prospect_id, totalSteps=10))
    steps = reply.json()["output"]["sequence"]["steps"]
    assert [step["step"] for step in steps] == list(range(1, 11))
    assert [step["day"] for step in steps] == [0, 2, 5, 9, 14, 20, 27, 35, 44, 54]
    assert shares(provider) == {"Write the steps 1 to 5 only", "Write the steps 6 to 10 only"}


async def test_a_broken_part_is_repaired_beside_the_others(
    api: Api, provider: Provider, new_user: NewUser, database: Database
) -> None:
    """There is one further request, and one charge."""
    user = new_user("elite", 500)
    provider.fail({"kind": "broken_schema", "match": "slides 6 to 10"})
    body = (await api(user, ELITE)).json()
    assert deck_of(body) == list(range(1, 16))
    assert (body["meta"]["retryCount"], body["meta"]["energyConsumed"]) == (1, 100)
    assert len(provider.requests()) == len(Books(database, user).attempts()) == 4


async def test_a_part_that_fails_fails_the_whole_and_every_request_is_recorded(
    api: Api, provider: Provider, new_user: NewUser, database: Database
) -> None:
    """The other requests finish, so that their usage is recorded; no energy is charged."""
    user = new_user("elite", 500)
    provider.fail({"kind": "broken_schema", "match": "slides 6 to 10", "times": 2})
    reply = await api(user, ELITE)
    assert (reply.status_code, reply.json()["code"]) == (502, "provider_error")
    books = Books(database, user)
    assert len(provider.requests()) == len(books.attempts()) == 4
    assert {row["cost_method"] for row in books.attempts()} == {"reported"}
    books.assert_nothing_charged(500)


async def test_a_part_that_fell_back_makes_the_whole_as_cheap_as_itself(
    api: Api, provider: Provider, new_user: NewUser, database: Database
) -> None:
    """Nobody pays the premium price for slides of a standard model."""
    user = new_user("elite", 500)
    provider.fail({"kind": "status", "status": 400, "match": "slides 6 to 10"})
    body = (await api(user, ELITE)).json()
    assert (body["meta"]["model"], body["meta"]["energyConsumed"]) == ("gpt-4o-mini", 30)
    assert (body["meta"]["fallbackUsed"], body["meta"]["requestedModel"]) == (True, "gpt-4o")
    assert len(provider.requests()) == len(Books(database, user).attempts()) == 4


async def test_a_part_that_hangs_ends_the_call_in_time_with_every_request_recorded(
    stack: Stack, provider: Provider, new_user: NewUser, database: Database
) -> None:
    """The reply is a 504 at the deadline without a charge; the request that hung is recorded at its upper bound."""
    user = new_user("elite", 500)
    provider.fail({"kind": "hang", "match": "slides 6 to 10"})
    async with in_process(stack, REQUEST_TIMEOUT_SECONDS="6") as api:
        reply = await api(user, ELITE)
    assert (reply.status_code, reply.json()["code"]) == (504, "deadline_exceeded")
    books = Books(database, user)
    assert len(provider.requests()) == len(books.attempts()) == 3
    assert sorted(row["cost_method"] for row in books.attempts()) == ["reported", "reported", "upper_bound"]
    books.assert_nothing_charged(500)
