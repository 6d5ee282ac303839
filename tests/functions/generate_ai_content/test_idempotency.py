"""A key makes a call run once: a repeat is replayed, refused for another body, or asked to wait."""

import asyncio
import secrets
from typing import Any

import httpx
import pytest

from tests.books import Books, add_prospect
from tests.calls import Api, message, orchestrated
from tests.conftest import Database, NewUser
from tests.provider import Provider


def fresh_key() -> str:
    """Return a key that no other test has used."""
    return secrets.token_hex(16)


def status_and_code(reply: httpx.Response) -> tuple[int, str | None]:
    """Return status and code of an error."""
    return reply.status_code, reply.json().get("code")


async def arrived(provider: Provider, count: int = 1) -> None:
    """Return when the provider has received this number of requests."""
    async with asyncio.timeout(10):
        while len(await asyncio.to_thread(provider.requests)) < count:
            pass


async def test_the_same_call_again_gives_the_first_reply(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The replay has the same body and a header that says so; there is one charge and one provider request."""
    user, key = new_user(), fresh_key()
    body = message(add_prospect(database, user))
    first = await api(user, body, idempotency_key=key)
    second = await api(user, body, idempotency_key=key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == first.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" in second.headers["access-control-expose-headers"]
    assert second.headers["x-model-served"] == "gpt-4o"
    books = Books(database, user)
    assert (books.energy(), len(provider.requests()), len(books.usage())) == (490, 1, 1)
    assert len(books.generations()) == 1


async def test_a_stored_reply_carries_the_energy_that_the_settlement_found(
    api: Api, new_user: NewUser
) -> None:
    """The replay contains the figures that the settlement returned."""
    user, key = new_user(), fresh_key()
    await api(user, orchestrated(), idempotency_key=key)
    meta = (await api(user, orchestrated(), idempotency_key=key)).json()["meta"]
    assert (meta["energyConsumed"], meta["energyRemaining"]) == (10, 490)


async def test_a_replay_needs_no_energy(api: Api, new_user: NewUser, database: Database) -> None:
    """A replay is returned before tier and energy are checked."""
    user, key = new_user(energy=10), fresh_key()
    await api(user, orchestrated(), idempotency_key=key)
    again = await api(user, orchestrated(), idempotency_key=key)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    assert Books(database, user).energy() == 0


@pytest.mark.parametrize(
    "again",
    [
        orchestrated() | {"stream": False},
        orchestrated(stream=False),
        {
            "config": {"action": "ai_message"},
            "messages": [{"content": "Say hello to Maria.", "role": "user"}],
        },
    ],
    ids=["stream beside", "stream within", "another order of fields"],
)
async def test_the_same_request_in_another_form_is_a_replay(
    api: Api, new_user: NewUser, again: dict[str, Any]
) -> None:
    """The form of the reply and the order of fields do not matter."""
    user, key = new_user(), fresh_key()
    await api(user, orchestrated(), idempotency_key=key)
    reply = await api(user, again, idempotency_key=key)
    assert (reply.status_code, reply.headers.get("idempotency-replayed")) == (200, "true")


async def test_the_same_key_for_another_body_is_a_conflict(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The reply is a 409: neither a replay nor a new call."""
    user, key = new_user(), fresh_key()
    await api(user, orchestrated(), idempotency_key=key)
    reply = await api(user, orchestrated(temperature=0.5), idempotency_key=key)
    assert status_and_code(reply) == (409, "idempotency_conflict")
    assert (Books(database, user).energy(), len(provider.requests())) == (490, 1)


async def test_a_key_belongs_to_its_user(api: Api, new_user: NewUser, provider: Provider) -> None:
    """Another user's call with the same key is a new call: no reply leaks (fault 17)."""
    key = fresh_key()
    first = await api(new_user(), orchestrated(), idempotency_key=key)
    second = await api(new_user(), orchestrated(), idempotency_key=key)
    assert second.status_code == 200
    assert "idempotency-replayed" not in second.headers
    assert first.json()["requestId"] != second.json()["requestId"]
    assert len(provider.requests()) == 2


async def test_a_repeat_of_a_running_call_must_wait(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """While the first runs the reply is a 409 with Retry-After, afterwards its reply; it is charged once."""
    user, key = new_user(), fresh_key()
    provider.fail({"kind": "slow_first_token", "seconds": 1.0})
    running = asyncio.create_task(api(user, orchestrated(), idempotency_key=key))
    await arrived(provider)
    twin = await api(user, orchestrated(), idempotency_key=key)
    assert status_and_code(twin) == (409, "request_in_progress")
    assert int(twin.headers["retry-after"]) >= 1
    other = await api(user, orchestrated(temperature=1), idempotency_key=key)
    assert status_and_code(other) == (409, "idempotency_conflict")
    first = await running
    again = await api(user, orchestrated(), idempotency_key=key)
    assert (first.status_code, again.json()) == (200, first.json())
    assert (Books(database, user).energy(), len(provider.requests())) == (490, 1)


async def test_repeats_sent_at_once_are_served_once(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Of ten simultaneous calls one is served; the others wait or get its reply, and are not charged (fault 1)."""
    user, key = new_user(), fresh_key()
    provider.fail({"kind": "slow_first_token", "seconds": 0.5})
    replies = await asyncio.gather(*(api(user, orchestrated(), idempotency_key=key) for _ in range(10)))
    served = [
        reply for reply in replies if reply.status_code == 200 and "idempotency-replayed" not in reply.headers
    ]
    assert len(served) == 1
    assert {status_and_code(reply) for reply in replies if reply.status_code != 200} <= {
        (409, "request_in_progress")
    }
    assert (Books(database, user).energy(), len(provider.requests())) == (490, 1)


async def test_the_key_of_a_failed_call_runs_again(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Only a success is replayed: after a 502 the same key is served and charged."""
    user, key = new_user(), fresh_key()
    body = orchestrated(retryAttempts=0, allowFallback=False)
    provider.fail({"kind": "status", "status": 500})
    assert (await api(user, body, idempotency_key=key)).status_code == 502
    reply = await api(user, body, idempotency_key=key)
    assert (reply.status_code, "idempotency-replayed" in reply.headers) == (200, False)
    assert [row["success"] for row in Books(database, user).usage()] == [False, True]
    assert Books(database, user).energy() == 490


async def test_the_key_of_a_refused_call_runs_again(api: Api, new_user: NewUser, database: Database) -> None:
    """A call refused for lack of energy is served after the refill, under the same key."""
    user, key = new_user(energy=2), fresh_key()
    assert (await api(user, orchestrated(), idempotency_key=key)).status_code == 402
    database.execute("update public.user_energy set current_energy = 50 where user_id = %s", [user.id])
    assert (await api(user, orchestrated(), idempotency_key=key)).status_code == 200
    assert Books(database, user).energy() == 40


async def test_a_key_older_than_its_reply_runs_again(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """After 24 hours the same key starts a new call."""
    user, key = new_user(), fresh_key()
    await api(user, orchestrated(), idempotency_key=key)
    database.execute(
        "update public.ai_requests set resolved_at = resolved_at - interval '25 hours' where user_id = %s",
        [user.id],
    )
    reply = await api(user, orchestrated(), idempotency_key=key)
    assert (reply.status_code, "idempotency-replayed" in reply.headers) == (200, False)
    assert (Books(database, user).energy(), len(provider.requests())) == (480, 2)


async def test_calls_without_a_key_are_calls_of_their_own(
    api: Api, new_user: NewUser, database: Database
) -> None:
    """The same body sent twice is charged twice, and no reply is stored."""
    user = new_user()
    for _ in range(2):
        assert (await api(user, orchestrated())).status_code == 200
    books = Books(database, user)
    assert (books.energy(), [row["reply"] for row in books.requests()]) == (480, [None, None])


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "a\tb"])
async def test_a_key_that_is_not_one_is_refused(
    api: Api, new_user: NewUser, provider: Provider, key: str
) -> None:
    """A key must have 1 to 255 printable ASCII characters: else a 400 names the header, and nothing is sent."""
    reply = await api(new_user(), orchestrated(), headers={"idempotency-key": key})
    assert status_and_code(reply) == (400, "invalid_request")
    assert reply.json()["details"][0]["field"] == "Idempotency-Key"
    assert provider.requests() == []
