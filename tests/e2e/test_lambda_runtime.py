"""The zips as the platform runs them: the real runtime client, recorded events, one process for many events."""

import asyncio
import base64
import json
import os
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from local.gateway import function_apps
from local.stack.stack import Stack
from tests.books import Books
from tests.calls import orchestrated
from tests.conftest import Database, NewUser
from tests.e2e.lambdas import StartLambda, event
from tests.functions.scan_processor_v2.scan_api import ScanApi, new_scan, people
from tests.proofs.scan_workers import without_worker
from tests.proofs.wait import wait_until
from tests.provider import Provider
from tests.runtime_api import RuntimeApi
from tests.users import User
from tests.wire import Seen, Wire, pass_on, wire_before

SQS = {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": "{}"}]}


@pytest.mark.parametrize("name", function_apps.names())
def test_every_function_starts_from_its_zip_alone(start_lambda: StartLambda, stack: Stack, name: str) -> None:
    """With no package of this machine, the health check succeeds and an unknown caller is refused."""
    with start_lambda(name) as api:
        health = api.invoke(event(name, stack, None, {}, "/health"))
        assert (health.failed, health.answer["statusCode"]) == (False, 200), health.answer
        refused = api.invoke(event(name, stack, None, {"transformMode": True, "systemInstruction": "x"}))
    assert refused.answer["statusCode"] in {401, 403}
    assert "access-control-allow-origin" in refused.answer["headers"]


def test_a_call_from_the_zip_is_served_and_charged(
    lambda_api: RuntimeApi, stack: Stack, new_user: NewUser, database: Database
) -> None:
    """The call passes token, ledger and provider, and is charged."""
    user = new_user("pro", 500)
    answer = lambda_api.invoke(event("generate-ai-content", stack, user, orchestrated())).answer
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["meta"]["energyConsumed"] == 10
    assert Books(database, user).energy() == 490


async def test_the_workers_and_the_sweep_start_from_their_zips_alone(
    start_lambda: StartLambda, stack: Stack, new_user: NewUser, database: Database
) -> None:
    """Messages make the workers do a scan and a job; the sweep answers its schedule and sends messages by the SDK."""
    scan, job = new_scan(database, new_user("pro", 200)), str(uuid4())
    with without_worker(stack):
        async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
            assert (await ScanApi(client, stack)(scan.user, scan.id, people(210))).status_code == 202
        database.execute(
            """insert into public.ai_jobs (id, user_id, function_name, body, body_hash, sent_at)
               values (%s, %s, 'generate-ai-content', %s, 'h', now() - interval '10 minutes')""",
            [job, scan.user.id, json.dumps(orchestrated())],
        )
        with start_lambda("scan-processor-v2", "shared.lambda_.schedule") as sweep:
            assert sweep.invoke({"source": "aws.events"}).answer["jobs_resent"] == 1
        with start_lambda("scan-processor-v2", "functions.scan_processor_v2.queue_handler") as worker:
            assert worker.invoke(message(scanId=scan.id)).answer == {"batchItemFailures": []}
        with start_lambda("generate-ai-content", "functions.generate_ai_content.queue_handler") as worker:
            assert worker.invoke(message(jobId=job)).answer == {"batchItemFailures": []}
    assert (scan.job()["state"], len(scan.items())) == ("done", 210)
    state = database.execute("select state, reply_status from public.ai_jobs where id = %s", [job])
    assert state.fetchone() == ("done", 200)
    assert Books(database, scan.user).energy() == 200 - 5 * 15 - 10


def message(**named: str) -> dict[str, Any]:
    """Return an event of a queue with one message."""
    record = {
        "messageId": "1",
        "receiptHandle": "r",
        "body": json.dumps(named),
        "eventSource": "aws:sqs",
        "attributes": {},
    }
    return {"Records": [record]}


def many_events(api: RuntimeApi, stack: Stack, user: User, count: int) -> int:
    """Send calls, health checks and other events in turn; return the number of served calls."""
    served = 0
    for index in range(count):
        match index % 4:
            case 0:
                assert api.invoke(SQS).failed
            case 1:
                health = api.invoke(event("generate-ai-content", stack, None, {}, "/health"))
                assert health.answer["statusCode"] == 200
            case _:
                answer = api.invoke(event("generate-ai-content", stack, user, orchestrated())).answer
                assert answer["statusCode"] == 200, answer
                served += 1
    return served


def test_fault_21_one_process_answers_many_events_of_several_kinds(
    lambda_api: RuntimeApi, stack: Stack, new_user: NewUser, database: Database
) -> None:
    """Even after an event of SQS, which the handler refuses, calls are served and charged (fault 21)."""
    user = new_user("enterprise", 5000)
    served = many_events(lambda_api, stack, user, 20)
    assert Books(database, user).energy() == 5000 - 10 * served


@pytest.mark.soak
def test_fault_21_one_process_answers_five_hundred_events(
    lambda_api: RuntimeApi, stack: Stack, new_user: NewUser, database: Database
) -> None:
    """The process is frozen at times between the events, as the platform does (fault 21)."""
    user = new_user("enterprise", 5000)
    served = 0
    for _ in range(25):
        served += many_events(lambda_api, stack, user, 20)
        os.kill(lambda_api.pid, signal.SIGSTOP)
        os.kill(lambda_api.pid, signal.SIGCONT)
    assert Books(database, user).energy() == 5000 - 10 * served


def test_a_provider_that_hangs_is_answered_before_the_platform_ends_the_call(
    lambda_api: RuntimeApi, stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The reply is a 504 within the remaining time of the invocation; nothing is charged or held."""
    user = new_user("pro", 500)
    provider.fail({"kind": "hang", "times": 9})
    ended = lambda_api.invoke(event("generate-ai-content", stack, user, orchestrated()), seconds=8)
    assert (ended.answer["statusCode"], json.loads(ended.answer["body"])["code"]) == (
        504,
        "deadline_exceeded",
    )
    assert ended.took_seconds < 8
    Books(database, user).assert_nothing_charged(500)


def test_a_process_killed_in_a_call_leaves_no_hold_after_the_sweep(
    start_lambda: StartLambda, stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """A process is killed, as at the platform's own limit; the sweep ends its hold."""
    user = new_user("pro", 500)
    provider.fail({"kind": "hang", "times": 9})
    with start_lambda("generate-ai-content") as api:
        api.send(event("generate-ai-content", stack, user, orchestrated()))
        wait_until(lambda: bool(provider.requests()), 20)
        os.kill(api.pid, signal.SIGKILL)
    database.execute(
        "update public.ai_requests set expires_at = now() - interval '1 second' where user_id = %s", [user.id]
    )
    database.execute("select public.ai_sweep()")
    books = Books(database, user)
    assert [row["state"] for row in books.requests()] == ["expired"]
    assert (books.energy(), [row["state"] for row in books.attempts()]) == (500, ["unknown"])


@pytest.mark.parametrize(
    "malformed", [{}, [], "text", None, {"version": "2.0"}, {"requestContext": {}}], ids=str
)
def test_a_malformed_event_is_reported_and_the_process_goes_on(
    lambda_api: RuntimeApi, stack: Stack, malformed: object
) -> None:
    """The runtime gets an error, and the next event is answered."""
    assert lambda_api.invoke(malformed).failed
    health = lambda_api.invoke(event("generate-ai-content", stack, None, {}, "/health"))
    assert health.answer["statusCode"] == 200


def test_the_callers_request_id_comes_back_through_the_platform(lambda_api: RuntimeApi, stack: Stack) -> None:
    """The id is returned, also for a body in base64, which API Gateway sends for binary data."""
    number = str(uuid4())
    made = event("generate-ai-content", stack, None, {})
    made["headers"]["x-request-id"] = number
    made |= {"body": base64.b64encode(b"{}").decode(), "isBase64Encoded": True}
    answer = lambda_api.invoke(made).answer
    assert (answer["statusCode"], answer["headers"]["x-request-id"]) == (401, number)


def sdk_is_loaded(pid: int) -> bool:
    """Return whether a process has loaded the native part of the provider's SDK."""
    return "jiter" in Path(f"/proc/{pid}/maps").read_text()


async def test_the_public_keys_are_read_before_the_first_event_and_the_sdk_with_the_first_call(
    start_lambda: StartLambda, stack: Stack, new_user: NewUser
) -> None:
    """The first caller waits neither for a connection nor for an import that is not needed yet."""
    async with wire_before(stack.url) as wire:
        with start_lambda("generate-ai-content", SUPABASE_URL=wire.url) as api:
            await asyncio.to_thread(api.invoke, event("generate-ai-content", stack, None, {}, "/health"))
            assert (wire.names(), sdk_is_loaded(api.pid)) == (["jwks.json"], False)
            made = event("generate-ai-content", stack, new_user("pro", 500), orchestrated())
            answer = (await asyncio.to_thread(api.invoke, made)).answer
            assert (answer["statusCode"], sdk_is_loaded(api.pid)) == (200, True), answer


async def test_a_restored_snapshot_opens_new_connections(
    start_lambda: StartLambda, stack: Stack, new_user: NewUser
) -> None:
    """Before the snapshot the SDK is imported and no connection is open; after it the keys are read."""
    async with wire_before(stack.url) as wire:
        snap = {"SUPABASE_URL": wire.url, "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
        with start_lambda("generate-ai-content", **snap) as api:
            assert await asyncio.to_thread(api.snapshot.wait, 30)
            assert (wire.names(), sdk_is_loaded(api.pid)) == ([], True)
            api.restore.set()
            await asyncio.to_thread(api.invoke, event("generate-ai-content", stack, None, {}, "/health"))
            assert wire.names() == ["jwks.json"]
            made = event("generate-ai-content", stack, new_user("pro", 500), orchestrated())
            answer = (await asyncio.to_thread(api.invoke, made)).answer
    assert answer["statusCode"] == 200, answer


async def test_the_sdk_is_imported_while_the_reservation_is_on_its_way(
    start_lambda: StartLambda, stack: Stack, new_user: NewUser
) -> None:
    """The database answers only when the SDK is imported: one after the other would never end."""
    async with wire_before(stack.url) as wire:
        with start_lambda("generate-ai-content", SUPABASE_URL=wire.url) as api:

            async def once_imported(wire: Wire, seen: Seen, request: Request) -> Response:
                await asyncio.to_thread(wait_until, lambda: sdk_is_loaded(api.pid), 4)
                return await pass_on(wire, seen, request)

            wire.meet("ai_reserve", once_imported)
            made = event("generate-ai-content", stack, new_user("pro", 500), orchestrated())
            answer = (await asyncio.to_thread(api.invoke, made)).answer
    assert (answer["statusCode"], wire.names().count("ai_reserve")) == (200, 1), answer
