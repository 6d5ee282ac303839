"""Scans that take longer than their call: queued, worked on, returned when time is over, and always finished."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from functions.scan_processor_v2.routes import router
from functions.scan_processor_v2.worker import work_on
from local.stack.stack import Stack
from shared.deadline import Deadline
from shared.services import Services
from tests.apps import app_on, client_of, services_on
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.functions.scan_processor_v2.pictures import png
from tests.functions.scan_processor_v2.scan_api import Scan, ScanApi, new_scan, people, polled
from tests.proofs.scan_workers import without_worker
from tests.provider import Provider
from tests.wire import answer, wire_before


async def handed_in(stack: Stack, scan: Scan, records: int, **env: str) -> dict[str, object]:
    """Return the reply to a scan whose function runs with other environment variables."""
    async with (
        app_on(stack, "scan-processor-v2", router, None, **env) as app,
        client_of(stack, app) as client,
    ):
        reply = await ScanApi(client, stack)(scan.user, scan.id, people(records))
    return {"status_code": reply.status_code, **reply.json()}


async def work(scan: Scan, services: Services) -> None:
    """Work on the scan as a worker does that received its message."""
    seconds = services.settings.scan_timeout_seconds
    await work_on({"scanId": scan.id}, services, Deadline.starting(seconds))


async def until_running(scan: Scan) -> None:
    """Return when a worker has claimed the scan."""
    for _ in range(500):
        if scan.job()["state"] == "running":
            return
        await asyncio.sleep(0.02)
    raise AssertionError(scan.job())


async def test_a_large_scan_is_queued_and_the_worker_ends_it(
    scans: ScanApi, new_user: NewUser, database: Database, stack: Stack
) -> None:
    """The reply is a 202, then progress to completed, and the stored reply for a repeated call."""
    scan = new_scan(database, new_user("pro", energy=200))
    reply = await scans(scan.user, scan.id, people(250))
    assert (reply.status_code, reply.json()) == (
        202,
        {"success": True, "scanId": scan.id, "status": "queued"},
    )
    assert (await polled(stack, scan))[-1] == ("completed", 100)
    again = await scans(scan.user, scan.id, people(250))
    assert (again.status_code, again.json()["prospectsFound"]) == (200, 250)
    assert Books(database, scan.user).energy() == 200 - 5 * 15


async def test_fault_19_a_call_without_time_for_a_block_leaves_the_scan_to_the_worker(
    new_user: NewUser, database: Database, stack: Stack
) -> None:
    """The deadline ends the call first: 202, no work after the reply, and the worker finishes (fault 19)."""
    scan = new_scan(database, new_user("pro", energy=100))
    reply = await handed_in(stack, scan, 3, REQUEST_TIMEOUT_SECONDS="5")
    assert (reply["status_code"], reply["status"]) == (202, "queued")
    assert (await polled(stack, scan))[-1] == ("completed", 100)
    assert len(scan.items()) == 3
    assert Books(database, scan.user).energy() == 85


async def test_fault_19_a_block_that_its_call_could_not_end_is_charged_once(
    new_user: NewUser, database: Database, stack: Stack, provider: Provider
) -> None:
    """The request that hung is recorded at its bound, the energy released, the worker finishes (fault 19)."""
    provider.fail({"kind": "hang"})
    scan = new_scan(database, new_user("pro", energy=100))
    reply = await handed_in(stack, scan, 3, REQUEST_TIMEOUT_SECONDS="11")
    assert (reply["status_code"], reply["status"]) == (202, "queued")
    assert (await polled(stack, scan))[-1] == ("completed", 100)
    books = Books(database, scan.user)
    assert books.energy() == 85
    assert [row["cost_estimated"] for row in books.attempts()] == [True, False]
    assert len(scan.items()) == 3


async def test_a_worker_out_of_time_gives_the_scan_back(
    new_user: NewUser, database: Database, stack: Stack
) -> None:
    """The scan is queued again with all finished blocks, and the next worker does the rest."""
    scan = new_scan(database, new_user("pro", energy=200))
    with without_worker(stack):
        await handed_in(stack, scan, 210)
        async with services_on(stack, SCAN_TIMEOUT_SECONDS="4") as services:
            await work(scan, services)
        assert scan.job()["state"] == "queued"
        async with services_on(stack) as services:
            await work(scan, services)
    assert (scan.job()["state"], len(scan.items())) == ("done", 210)
    assert Books(database, scan.user).energy() == 200 - 5 * 15


async def test_a_worker_that_lost_its_lease_stores_nothing_more(
    new_user: NewUser, database: Database, stack: Stack, provider: Provider
) -> None:
    """Another worker has the scan: the first ends without an error, and each block is stored once."""
    provider.fail({"kind": "slow_first_token", "seconds": 1.0, "times": 9})
    scan = new_scan(database, new_user("pro", energy=200))
    with without_worker(stack):
        await handed_in(stack, scan, 210)
        async with services_on(stack) as first, services_on(stack) as second:
            first_work = asyncio.create_task(work(scan, first))
            await until_running(scan)
            database.execute(
                "update public.scan_jobs set lease_until = now() - interval '1 second' where scan_id = %s",
                [scan.id],
            )
            await work(scan, second)
            await first_work
    assert (scan.job()["state"], len(scan.items())) == ("done", 210)
    assert Books(database, scan.user).energy() == 200 - 5 * 15


@contextmanager
def refused_rows(database: Database, scan: Scan, times: int) -> Iterator[None]:
    """Create a trigger of the app that refuses the scan's items a number of times."""
    database.execute("create sequence public.refusals")
    database.execute("grant usage on sequence public.refusals to service_role")
    database.execute(
        f"""create function public.refuse() returns trigger language plpgsql as $$
            begin
              if nextval('public.refusals') <= {times} then raise exception 'refused'; end if;
              return new;
            end $$"""
    )
    database.execute(
        f"""create trigger refuse before insert on public.scan_processed_items for each row
            when (new.scan_id = '{scan.id}') execute function public.refuse()"""
    )
    try:
        yield
    finally:
        database.execute("drop function public.refuse cascade")
        database.execute("drop sequence public.refusals")


async def test_rows_that_were_refused_are_stored_from_the_kept_reply(
    new_user: NewUser, database: Database, stack: Stack, provider: Provider
) -> None:
    """The trigger refuses once: the block was charged, and is stored again without a second AI call."""
    scan = new_scan(database, new_user("pro", energy=100))
    with refused_rows(database, scan, times=1), without_worker(stack):
        reply = await handed_in(stack, scan, 3)
    assert (reply["status_code"], reply["prospectsFound"]) == (200, 3)
    assert Books(database, scan.user).energy() == 85
    assert len(provider.requests()) == 1


async def test_rows_that_are_refused_for_good_fail_the_scan_and_cost_nothing(
    new_user: NewUser, database: Database, stack: Stack
) -> None:
    """The caller and the page get the error, and the energy of the block is refunded."""
    scan = new_scan(database, new_user("pro", energy=100))
    with refused_rows(database, scan, times=99), without_worker(stack):
        reply = await handed_in(stack, scan, 3)
    assert (reply["status_code"], reply["code"]) == (500, "internal_error")
    last = scan.rows("scan_status", "updated_at")[-1]
    assert (last["step"], last["message"]) == ("failed", reply["error"])
    assert Books(database, scan.user).energy() == 100


async def test_too_many_calls_a_minute_only_slow_a_scan_down(
    scans: ScanApi, new_user: NewUser, database: Database, stack: Stack
) -> None:
    """With the tier's limit reached the call answers 202, and the worker continues when there is room."""
    user = new_user("free", energy=100)
    first, second = new_scan(database, user), new_scan(database, user)
    limit = "update public.ai_tiers set calls_per_minute = %s where tier = 'free'"
    database.execute(limit, [1])
    try:
        assert (await scans(user, first.id, people(3))).status_code == 200
        reply = await scans(user, second.id, people(3, first=3))
    finally:
        database.execute(limit, [60])
    assert (reply.status_code, reply.json()["status"]) == (202, "queued")
    assert (await polled(stack, second))[-1] == ("completed", 100)
    assert second.job()["by_rules"] == 0


async def test_a_scan_that_is_queued_is_no_failure_of_its_call(
    new_user: NewUser, database: Database, stack: Stack
) -> None:
    """The database is lost after the last block: 202, and the worker does the rest."""
    scan = new_scan(database, new_user("pro", energy=100))
    async with wire_before(stack.upstream_url) as wire:
        wire.meet("scan_claim", answer(503))
        reply = await handed_in(stack, scan, 3, SUPABASE_URL=wire.url)
    assert (reply["status_code"], reply["status"]) == (202, "queued")
    assert (await polled(stack, scan))[-1] == ("completed", 100)


async def test_a_database_that_is_lost_while_the_input_is_stored_fails_the_scan(
    new_user: NewUser, database: Database, stack: Stack
) -> None:
    """The caller gets a 503, and the page the same message: nothing was stored, so no worker would continue."""
    scan = new_scan(database, new_user("pro", energy=100))
    async with wire_before(stack.upstream_url) as wire:
        wire.meet("scan_add_blocks", answer(503))
        reply = await handed_in(stack, scan, 3, SUPABASE_URL=wire.url)
    assert (reply["status_code"], reply["code"]) == (503, "service_unavailable")
    last = scan.rows("scan_status", "updated_at")[-1]
    assert (last["step"], last["message"]) == ("failed", reply["error"])
    Books(database, scan.user).assert_nothing_charged(100)


async def test_an_image_is_read_by_the_worker_too(
    new_user: NewUser, database: Database, stack: Stack
) -> None:
    """The image waits in its block, as the worker has no token of the caller, and is erased with the block."""
    scan = new_scan(database, new_user("pro", energy=100))
    env = {"REQUEST_TIMEOUT_SECONDS": "5"}
    async with (
        app_on(stack, "scan-processor-v2", router, None, **env) as app,
        client_of(stack, app) as client,
    ):
        reply = await ScanApi(client, stack)(scan.user, scan.id, png(people(3)).url, "image")
    assert reply.status_code == 202
    assert (await polled(stack, scan))[-1] == ("completed", 100)
    assert [row["full_name"] for row in scan.prospects()] == ["Ana Santos", "Jose Santos", "Maria Santos"]
    assert [row["records"] for row in scan.rows("scan_blocks", "ordinal")] == [None]


async def test_an_image_without_a_provider_is_reported_as_empty(
    scans: ScanApi, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Rules cannot read images: nobody is found, and the reply says why."""
    provider.fail({"kind": "status", "status": 500, "times": 99})
    scan = new_scan(database, new_user("pro", energy=100))
    body = (await scans(scan.user, scan.id, png(people(3)).url, "image")).json()
    assert (body["prospectsFound"], body["partial"]["reason"]) == (0, "provider_unavailable")
    Books(database, scan.user).assert_nothing_charged(100)


async def test_a_provider_that_is_busy_is_waited_for(
    scans: ScanApi, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Its rate limit ends after a second, and the model scores the block."""
    provider.fail({"kind": "status", "status": 429, "retry_after": 1, "times": 3})
    scan = new_scan(database, new_user("pro", energy=100))
    reply = await scans(scan.user, scan.id, people(3))
    assert (reply.status_code, "partial" in reply.json()) == (200, False)
    assert len(provider.requests()) == 4
    assert Books(database, scan.user).energy() == 85


@pytest.mark.parametrize("payload", ["text", "csv"])
async def test_no_message_and_no_log_carries_the_input(
    new_user: NewUser, database: Database, stack: Stack, payload: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has only the scan's id; names and contacts are only in the database."""
    scan = new_scan(database, new_user())
    async with app_on(stack, "scan-processor-v2", router) as app, client_of(stack, app) as client:
        text = "Name,Phone\nZenaida Quiambao,0917 765 4321\n"
        await ScanApi(client, stack)(scan.user, scan.id, text, payload)
    logged = capsys.readouterr().out
    events = [json.loads(line)["event"] for line in logged.splitlines() if line.startswith("{")]
    assert "scan.completed" in events
    assert "Zenaida" not in logged
    assert "765" not in logged
