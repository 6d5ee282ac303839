"""`Prefer: respond-async`: accepted at once, done by the worker, returned only to the owner."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx

from local.stack.stack import Stack
from shared.deadline import Deadline
from shared.sweep import sweep
from tests.apps import services_on
from tests.books import Books, add_prospect
from tests.calls import URL, Api, message, orchestrated
from tests.conftest import Database, NewUser
from tests.provider import Provider
from tests.users import User

LATER = {"prefer": "respond-async"}


async def fetch(stack: Stack, user: User | None, request_id: str) -> httpx.Response:
    """Return the state of a request."""
    headers = {"apikey": stack.publishable_key}
    if user is not None:
        headers["authorization"] = f"Bearer {user.access_token}"
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        return await client.get(f"{URL}/requests/{request_id}", headers=headers)


async def answer(stack: Stack, user: User, request_id: str) -> httpx.Response:
    """Return the reply, once the worker has stored one."""
    for _ in range(400):
        reply = await fetch(stack, user, request_id)
        if "status" not in reply.json():
            return reply
        assert reply.json()["status"] in {"queued", "running"}
        await asyncio.sleep(0.05)
    raise AssertionError("the job was never answered")


async def accepted(api: Api, user: User, body: dict[str, Any], key: str | None = None) -> str:
    """Send a request for a later answer and return its id."""
    reply = await api(user, body, headers=LATER, idempotency_key=key)
    assert reply.status_code == 202, reply.text
    assert reply.json()["status"] == "queued"
    request_id: str = reply.json()["requestId"]
    return request_id


async def test_a_queued_request_is_answered_later_and_charged_once(
    stack: Stack, api: Api, new_user: NewUser, database: Database
) -> None:
    """The stored reply equals that of a direct call, under the id of the 202."""
    user = new_user()
    request_id = await accepted(api, user, message(add_prospect(database, user)))
    reply = await answer(stack, user, request_id)
    assert reply.status_code == 200
    assert reply.json()["requestId"] == request_id
    assert len(reply.json()["output"]["alternatives"]) == 2
    books = Books(database, user)
    assert books.energy() == 490
    (usage,) = books.usage()
    assert (str(usage["request_id"]), usage["success"]) == (request_id, True)


async def test_a_failure_is_stored_as_the_answer_it_would_have_been(
    stack: Stack, api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Status and code of the error are stored, and nothing is charged."""
    user = new_user()
    provider.fail({"kind": "status", "status": 400, "times": 9})
    reply = await answer(stack, user, await accepted(api, user, orchestrated(allowFallback=False)))
    assert (reply.status_code, reply.json()["code"]) == (502, "provider_error")
    Books(database, user).assert_nothing_charged(500)


async def test_a_bad_request_is_refused_at_once(api: Api, new_user: NewUser) -> None:
    """An invalid request is not queued."""
    reply = await api(new_user(), {"generationType": "nonsense"}, headers=LATER)
    assert (reply.status_code, reply.json()["code"]) == (400, "unknown_generation_type")


async def test_the_same_key_gives_the_same_job(
    stack: Stack, api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """A repeated request is the same job; with another body it is a conflict."""
    user = new_user()
    first = await accepted(api, user, orchestrated(), "later")
    assert await accepted(api, user, orchestrated(), "later") == first
    other = await api(user, orchestrated(temperature=0), headers=LATER, idempotency_key="later")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    await answer(stack, user, first)
    replay = await api(user, orchestrated(), idempotency_key="later")
    assert replay.headers["idempotency-replayed"] == "true"
    assert len(provider.requests()) == 1
    assert Books(database, user).energy() == 490


async def test_only_the_owner_sees_a_request(stack: Stack, api: Api, new_user: NewUser) -> None:
    """Another user's request and an unknown one are not found; an anonymous caller is unauthorized."""
    owner, stranger = new_user(), new_user()
    request_id = await accepted(api, owner, orchestrated())
    assert (await answer(stack, owner, request_id)).status_code == 200
    for asked in (request_id, str(uuid4())):
        reply = await fetch(stack, stranger, asked)
        assert (reply.status_code, reply.json()["code"]) == (404, "request_not_found")
    assert (await fetch(stack, None, request_id)).status_code == 401
    assert (await fetch(stack, stranger, "no-uuid")).status_code == 400


async def test_a_job_whose_worker_died_after_settling_is_not_charged_again(
    stack: Stack, api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """After the lease the sweep wakes another worker, who finds the settled reply: one charge, one request."""
    user = new_user()
    request_id = await accepted(api, user, orchestrated())
    first = await answer(stack, user, request_id)
    database.execute(
        """update public.ai_jobs set state = 'running', reply = null, reply_status = null,
             lease_until = now() - interval '1 second' where id = %s""",
        [request_id],
    )
    async with services_on(stack) as services:
        assert (await sweep(services, Deadline.starting(10), lost_after_seconds=0))["jobs_resent"] >= 1
    again = await answer(stack, user, request_id)
    assert again.json()["message"] == first.json()["message"]
    assert len(provider.requests()) == 1
    assert Books(database, user).energy() == 490
