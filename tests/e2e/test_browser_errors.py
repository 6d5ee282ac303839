"""Every error of generate-ai-content as unmodified supabase-js reads it on a page of another origin (fault 14)."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from local.project import PROJECT
from local.servers.ports import listen
from local.stack.stack import Stack
from tests.books import Books, add_prospect
from tests.calls import message, orchestrated
from tests.conftest import Database, NewUser
from tests.e2e.app_client import GENERATE, Client, as_user, assert_readable
from tests.proofs.wait import wait_until
from tests.provider import Provider

PATIENCE_SECONDS = 20.0
ONE_TRY = {"retryAttempts": 0, "allowFallback": False}

Fault = dict[str, Any]
Body = Callable[[str], dict[str, Any]]


@contextmanager
def another_gateway(stack: Stack, **env: str) -> Iterator[str]:
    """Yield the address of a second process of the functions with other environment variables."""
    with listen(0) as listener:
        descriptor = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "local.stack.serve", str(descriptor)],
            cwd=PROJECT,
            env=stack.function_environment() | env,
            pass_fds=[descriptor],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait()


@dataclass(frozen=True)
class Refusal:
    """One error of the contract: the call, its caller, its circumstances, and the expected reply."""

    status: int
    code: str
    body: Body = lambda _: orchestrated(**ONE_TRY)
    who: dict[str, Any] | None = field(default_factory=dict)
    fault: Fault | None = None
    retry_after: bool = False


REFUSALS = [
    Refusal(400, "unknown_generation_type", lambda own: message(own) | {"generationType": "poem"}),
    Refusal(401, "unauthorized", who=None),
    Refusal(402, "insufficient_energy", who={"energy": 0}),
    Refusal(403, "upgrade_required", lambda own: message(own) | {"generationType": "sequence"}, {"tier": "free"}),
    Refusal(404, "prospect_not_found", lambda _: message(str(uuid4()))),
    Refusal(413, "payload_too_large", lambda _: {"prompt": "x" * 4_500_001}),
    Refusal(422, "content_refused", fault={"kind": "content_filter"}),
    Refusal(502, "provider_error", fault={"kind": "status", "status": 403}),
    Refusal(
        503, "provider_unavailable", fault={"kind": "status", "status": 429, "retry_after": 900}, retry_after=True
    ),
]  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: str(refusal.status))
async def test_fault_14_every_error_of_generate_is_readable(
    app: Client, new_user: NewUser, database: Database, provider: Provider, refusal: Refusal
) -> None:
    """Status, stable code, message and request id reach the app for every error (fault 14)."""
    body = refusal.body("")
    client = app
    if refusal.who is not None:
        user = new_user(**refusal.who)
        body = refusal.body(add_prospect(database, user))
        client = as_user(app, user)
    if refusal.fault is not None:
        provider.fail({**refusal.fault, "times": 9})
    said = await client.invoke(GENERATE, body)
    assert_readable(said, refusal.status, refusal.code)
    assert (said["retryAfter"] is not None) is refusal.retry_after


async def test_fault_14_a_short_account_is_reported_in_figures(app: Client, new_user: NewUser) -> None:
    """A 402 has the required and the available amount, which the app shows in its top-up (fault 14)."""
    said = await as_user(app, new_user(energy=2)).invoke(GENERATE, orchestrated())
    assert_readable(said, 402, "insufficient_energy")
    body = said["body"]
    assert (body["requiresEnergy"], body["requiredEnergy"], body["currentEnergy"]) == (True, 3, 2)
    assert body["error"] == "Insufficient energy. Required: 3, Available: 2"


async def test_fault_14_a_key_used_for_another_body_is_readable(app: Client, new_user: NewUser) -> None:
    """The idempotency key's header passes the preflight, and its 409 is readable (fault 14)."""
    client, headers = as_user(app, new_user()), {"idempotency-key": str(uuid4())}
    first = await client.invoke(GENERATE, orchestrated(), headers=headers)
    assert first["error"] is None, first
    said = await client.invoke(GENERATE, orchestrated(temperature=0), headers=headers)
    assert_readable(said, 409, "idempotency_conflict")


async def test_fault_14_a_repeat_of_a_running_call_is_readable(
    app: Client, new_user: NewUser, provider: Provider
) -> None:
    """A second call during the first gets an error that says to wait, and how long (fault 14)."""
    client, headers = as_user(app, new_user()), {"idempotency-key": str(uuid4())}
    provider.fail({"kind": "hang"})
    await client.run("begin", GENERATE, orchestrated(**ONE_TRY), headers=headers)
    wait_until(lambda: bool(provider.requests()), PATIENCE_SECONDS)
    said = await client.invoke(GENERATE, orchestrated(**ONE_TRY), headers=headers)
    assert_readable(said, 409, "request_in_progress")
    assert int(said["retryAfter"]) >= 1


async def test_fault_14_too_many_calls_are_readable(
    app: Client, new_user: NewUser, database: Database
) -> None:
    """Too many calls give an error with Retry-After (fault 14)."""
    client = as_user(app, new_user(tier="team"))
    change = "update public.ai_tiers set calls_per_minute = %s where tier = 'team'"
    usual = database.execute("select calls_per_minute from public.ai_tiers where tier = 'team'").fetchone()
    assert usual is not None
    database.execute(change, [1])
    try:
        await client.invoke(GENERATE, orchestrated())
        said = await client.invoke(GENERATE, orchestrated())
    finally:
        database.execute(change, usual)
    assert_readable(said, 429, "rate_limited")
    assert 1 <= int(said["retryAfter"]) <= 60


async def test_fault_14_the_end_of_the_deadline_is_readable(
    app: Client, stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The function's own deadline answers with CORS headers, which a platform's 504 would not have (fault 14)."""
    user = new_user()
    provider.fail({"kind": "hang"})
    with another_gateway(stack, REQUEST_TIMEOUT_SECONDS="5") as url:
        said = await Client(app.page, url, app.key, user).invoke(GENERATE, orchestrated(**ONE_TRY))
    assert_readable(said, 504, "deadline_exceeded")
    Books(database, user).assert_nothing_charged(500)


async def test_fault_14_a_function_that_is_down_is_a_relay_error(app: Client, stack: Stack) -> None:
    """The gateway's own error differs from one of the function, and is readable too (fault 14)."""
    with another_gateway(stack, LOG_LEVEL="loud") as url:
        said = await Client(app.page, url, app.key).invoke(GENERATE, orchestrated())
    assert (said["error"], said["status"], said["type"]) == ("FunctionsRelayError", 503, "cors")
    assert said["body"]["code"] == "function_unavailable"
    missing = await app.invoke("no-such-function", {})
    assert (missing["error"], missing["status"]) == ("FunctionsRelayError", 404)
