"""generate-ai-content in shadow mode: a copy is handled completely, with no charge and no visible effect."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from functions.generate_ai_content.routes import router
from local.commands.invoke import api_gateway_event
from local.project import PROJECT
from local.stack.stack import Stack
from tests.apps import app_on, client_of, in_process
from tests.books import Books, add_prospect
from tests.calls import URL, Api, message, orchestrated
from tests.conftest import Database, NewUser
from tests.functions.shadow_effects import (
    ANSWER,
    Shadow,
    Tenant,
    assert_recorded,
    in_shadow,
    nothing_changes,
    shadow_cap,
)
from tests.provider import Provider


@pytest.fixture
async def served(stack: Stack) -> AsyncIterator[Shadow]:
    """Yield the function in this process, in shadow mode."""
    async with in_shadow(stack, "generate-ai-content", router) as served:
        yield served


@pytest.fixture
def shadow(stack: Stack, served: Shadow) -> Api:
    """Return calls of it."""
    return Api(served.client, stack.publishable_key)


async def test_a_copy_is_answered_without_a_word_of_the_answer(
    shadow: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The reply is a 202 with the request's id and the mark; the model was called as for a real call."""
    user = new_user()
    reply = await shadow(user, message(add_prospect(database, user)))
    assert (reply.status_code, set(reply.json())) == (202, ANSWER)
    assert reply.json()["shadow"] is True
    assert not {"x-energy-remaining", "x-model-served"} & set(reply.headers)
    assert "access-control-allow-origin" in reply.headers
    (body,) = provider.bodies()
    assert "Maria Santos" in str(body["messages"])


async def test_nothing_of_the_tenant_changes_and_all_that_is_spent_is_recorded(
    shadow: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Energy, generations, keys and groups are unchanged; tokens and USD are in the shadow's own rows."""
    user = new_user()
    prospect = add_prospect(database, user)
    tenant = Tenant(database, user.id)
    with nothing_changes(tenant):
        body = message(prospect, transactionId="five")
        reply = await shadow(user, body, idempotency_key="of-the-real-call")
    assert reply.status_code == 202
    assert_recorded(tenant, provider)
    assert Books(database, user).energy() == 500


async def test_the_facts_are_logged_and_no_text(
    shadow: Api,
    new_user: NewUser,
    database: Database,
    provider: Provider,
    served: Shadow,
) -> None:
    """The log has the caller's would-be status, model, tokens, USD, time, and the id shared with the original."""
    user = new_user()
    reply = await shadow(user, message(add_prospect(database, user)), headers={"x-request-id": "copy-of-7"})
    (finished,) = served.log.finished()
    (sent,) = provider.requests()
    logged = {name: finished[name] for name in ("status", "shadow", "echo_id", "model", "energy", "attempts")}
    assert logged == {
        "status": 200,
        "shadow": True,
        "echo_id": "copy-of-7",
        "model": "gpt-4o",
        "energy": 0,
        "attempts": 1,
    }
    assert finished["tokens"] == sent["prompt_tokens"] + sent["completion_tokens"]
    assert float(finished["cost_usd"]) > 0
    assert finished["ms"] > 0
    assert finished["request_id"] == reply.json()["requestId"]
    assert "Maria" not in str(finished)


async def test_a_streamed_copy_is_taken_to_its_end(
    shadow: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Its events are discarded, and it is recorded as delivered."""
    user = new_user()
    tenant = Tenant(database, user.id)
    with nothing_changes(tenant):
        reply = await shadow(user, orchestrated(stream=True))
    assert (reply.status_code, set(reply.json())) == (202, ANSWER)
    assert reply.headers["content-type"] == "application/json"
    assert assert_recorded(tenant, provider)["success"] is True


async def test_every_attempt_of_a_copy_is_recorded(
    shadow: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """An attempt that failed first has its row too, at no cost, as no provider bills a 500."""
    user = new_user()
    tenant = Tenant(database, user.id)
    provider.fail({"kind": "status", "status": 500})
    with nothing_changes(tenant):
        await shadow(user, orchestrated())
    assert len(provider.requests()) == len(tenant.attempts()) == 2
    assert [row["state"] for row in tenant.attempts()] == ["failed", "succeeded"]


async def test_a_copy_that_fails_says_why_and_changes_nothing(
    shadow: Api,
    new_user: NewUser,
    database: Database,
    provider: Provider,
    served: Shadow,
) -> None:
    """The error is returned unchanged: it contains no answer."""
    user = new_user()
    tenant = Tenant(database, user.id)
    provider.fail(*[{"kind": "status", "status": 500}] * 9)
    with nothing_changes(tenant):
        reply = await shadow(user, orchestrated())
    assert (reply.status_code, reply.json()["code"]) == (502, "provider_error")
    (finished,) = served.log.finished()
    assert (finished["code"], tenant.usage()[0]["error_code"]) == ("provider_error", "provider_error")


async def test_over_the_days_cap_nothing_is_sent(
    shadow: Api,
    new_user: NewUser,
    database: Database,
    provider: Provider,
    served: Shadow,
) -> None:
    """The refusal is logged, and has its marked row."""
    user = new_user()
    tenant = Tenant(database, user.id)
    with shadow_cap(database, 0), nothing_changes(tenant):
        reply = await shadow(user, orchestrated())
    assert reply.json()["code"] == served.log.finished()[0]["code"] == "spend_cap_reached"
    assert provider.requests() == []
    assert [row["error_code"] for row in tenant.usage()] == ["spend_cap_reached"]


async def test_a_copy_that_asks_for_a_later_answer_is_served_at_once(
    shadow: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """No job is stored for a worker."""
    user = new_user()
    tenant = Tenant(database, user.id)
    with nothing_changes(tenant):
        reply = await shadow(user, orchestrated(), headers={"prefer": "respond-async"})
    assert set(reply.json()) == ANSWER
    assert len(provider.requests()) == 1


@pytest.mark.parametrize("token", ["", "Bearer no-token", "Bearer eyJhbGciOiJub25lIn0.e30."])
async def test_a_copy_with_a_wrong_token_is_refused(
    token: str, shadow: Api, new_user: NewUser, provider: Provider
) -> None:
    """The reply is a 401 as usual, and nothing is sent."""
    reply = await shadow(new_user(), orchestrated(), headers={"authorization": token})
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")
    assert provider.requests() == []


async def test_another_users_prospect_is_not_found_in_shadow(
    shadow: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The reply is a 404 as usual, and nothing of the prospect is sent."""
    reply = await shadow(new_user(), message(add_prospect(database, new_user())))
    assert reply.status_code == 404
    assert provider.requests() == []


async def test_a_copy_is_served_whatever_energy_and_limits_are_left(
    shadow: Api, new_user: NewUser, provider: Provider
) -> None:
    """An empty balance stops only the original."""
    reply = await shadow(new_user(energy=0), orchestrated())
    assert reply.status_code == 202
    assert len(provider.requests()) == 1


async def test_copies_take_no_call_from_the_user(
    stack: Stack, shadow: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """After a copy with the same key, the real call is served, charged, and not replayed."""
    user = new_user()
    body = message(add_prospect(database, user))
    await shadow(user, body, idempotency_key="k")
    async with in_process(stack) as api:
        reply = await api(user, body, idempotency_key="k")
    assert (reply.status_code, "idempotency-replayed" in reply.headers) == (200, False)
    assert reply.json()["meta"]["energyConsumed"] == 10
    assert len(provider.requests()) == 2


@pytest.mark.parametrize(("setting", "reported"), [("true", True), ("false", None), ("", None)])
async def test_health_reports_the_shadow(stack: Stack, setting: str, reported: object) -> None:
    """The health reply says whether users may be sent to the function."""
    async with (
        app_on(stack, "generate-ai-content", router, SHADOW=setting) as app,
        client_of(stack, app) as client,
    ):
        reply = await client.get("/functions/v1/generate-ai-content/health")
    assert reply.json().get("shadow") is reported


async def test_on_the_platform_a_copy_is_answered_the_same(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """A whole answer, a stream and an error are answered through the handler."""
    user = new_user()
    tenant = Tenant(database, user.id)
    headers = {"authorization": f"Bearer {user.access_token}", "content-type": "application/json"}
    bodies = [orchestrated(), orchestrated(stream=True), {"generationType": "poem"}]
    events = [api_gateway_event(URL, headers, json.dumps(body)) for body in bodies]
    with nothing_changes(tenant):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.functions.invocations",
            cwd=PROJECT, env={**stack.env, "SHADOW": "true"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        printed, _ = await process.communicate("\n".join(map(json.dumps, events)).encode())
    answers = [json.loads(line) for line in printed.splitlines()]
    assert [answer["statusCode"] for answer in answers] == [202, 202, 400]
    assert [set(json.loads(answer["body"])) for answer in answers[:2]] == [ANSWER, ANSWER]
    assert len(provider.requests()) == len(tenant.attempts()) == 2
