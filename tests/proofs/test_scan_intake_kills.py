"""`kill -9` of a function while it stores a scan: the owner gets an error, no charge, and can send it again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from bench.reading import csv_pieces
from local.servers.ports import listen
from local.stack.stack import Stack
from shared.deadline import Deadline
from shared.sweep import sweep
from tests.apps import services_on
from tests.books import Books
from tests.conftest import Database
from tests.functions.scan_processor_v2.scan_api import Scan, ScanApi, new_scan, polled
from tests.proofs.scan_workers import without_worker
from tests.users import signed_in
from tests.wire import Seen, Way, Wire, hold, pass_on, wire_before

ROWS = 1_100
BLOCKS = 22
"""More rows than the function stores at a time."""

TABLE = b"".join(csv_pieces(ROWS)).decode()
ENERGY = 1_000
BLOCK_ENERGY = 15
SENTENCE = "The upload did not complete. Please send it again."
LOOKS = 2_000


async def lose_everything_after(wire: Wire, seen: Seen, request: Request) -> None:
    """Pass the request on, and never reply."""
    await pass_on(wire, seen, request)
    wire.seen.append(seen)
    await hold(wire, seen, request)


@dataclass(frozen=True)
class Moment:
    """The moment of the kill: at a request to the database, after a number of others."""

    name: str
    request: str
    ways: tuple[Way, ...]
    blocks: int


ACCEPTED = Moment("accepted", "scan_accept", (lose_everything_after,), 0)
NOTHING_STORED = Moment("nothing stored", "scan_add_blocks", (hold,), 0)
PART_STORED = Moment("a part stored", "scan_add_blocks", (pass_on, hold), 20)
ALL_STORED = Moment("all stored", "scan_queue", (hold,), BLOCKS)
QUEUED = Moment("queued", "scan_queue", (lose_everything_after,), BLOCKS)


@contextmanager
def functions(stack: Stack, url: str, log: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the address of functions in a separate process, with the database at `url`, and what kills them."""
    with listen(0) as listener, log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.stack.serve", str(listener.fileno())],
            cwd=stack.project,
            env=stack.function_environment() | {"SUPABASE_URL": url},
            pass_fds=[listener.fileno()],
            stdout=sink,
            stderr=sink,
        )

        def kill() -> None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            # Callers that connected and were not served get an error.
            listener.close()

        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", kill
        finally:
            process.kill()
            process.wait()


async def killed_at(moment: Moment, stack: Stack, database: Database, folder: Path) -> Scan:
    """Return a scan whose function was killed at that moment; its caller has lost the connection."""
    scan = new_scan(database, signed_in(stack, database, energy=ENERGY))
    async with wire_before(stack.upstream_url) as wire:
        wire.meet(moment.request, *moment.ways)
        with functions(stack, wire.url, folder / "functions.log") as (url, kill):
            async with httpx.AsyncClient(base_url=url, timeout=60) as client:
                call = asyncio.create_task(ScanApi(client, stack)(scan.user, scan.id, TABLE, "csv"))
                seen = len(moment.ways) + (moment.ways[-1] is lose_everything_after)
                for _ in range(LOOKS):
                    if wire.names().count(moment.request) == seen or call.done():
                        break
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(kill)
                with pytest.raises(httpx.TransportError):
                    await call
    assert len(scan.rows("scan_blocks", "ordinal")) == moment.blocks
    return scan


async def send(stack: Stack, scan: Scan) -> httpx.Response:
    """Send it again, to running functions."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        return await ScanApi(client, stack)(scan.user, scan.id, TABLE, "csv")


def end_lease(database: Database, scan: Scan) -> None:
    """Let the time pass that a call has for sending its input."""
    database.execute(
        "update public.scan_jobs set lease_until = now() - interval '1 second' where scan_id = %s", [scan.id]
    )


def assert_scanned_once(scan: Scan, database: Database) -> None:
    """Assert that every row was scanned once and each block charged once."""
    positions = sorted(row["metadata"]["position"] for row in scan.items())
    assert positions == list(range(ROWS))
    assert (scan.row()["status"], len(scan.prospects())) == ("completed", ROWS)
    assert Books(database, scan.user).energy() == ENERGY - BLOCKS * BLOCK_ENERGY


@pytest.mark.parametrize(
    "moment", [ACCEPTED, NOTHING_STORED, PART_STORED, ALL_STORED], ids=lambda moment: moment.name
)
async def test_a_scan_whose_function_was_killed_fails_after_its_lease(
    stack: Stack, database: Database, tmp_path: Path, moment: Moment
) -> None:
    """Until the lease ends, the sweep ignores it; then the scan is failed for its poller, and nothing was charged."""
    scan = await killed_at(moment, stack, database, tmp_path)
    database.execute("select public.ai_sweep()")
    again = await send(stack, scan)
    assert (again.status_code, again.json()["status"]) == (202, "queued")
    assert scan.job()["state"] == "accepting"
    end_lease(database, scan)
    database.execute("select public.ai_sweep()")
    assert (await polled(stack, scan))[-1][0] == "failed"
    assert scan.rows("scan_status", "updated_at")[-1]["message"] == SENTENCE
    assert (scan.row()["status"], scan.items(), scan.rows("scan_blocks", "ordinal")) == ("failed", [], [])
    Books(database, scan.user).assert_nothing_charged(ENERGY)
    reply = await send(stack, scan)
    assert (reply.status_code, reply.json()["error"]) == (422, SENTENCE)


@pytest.mark.parametrize("moment", [ACCEPTED, PART_STORED, ALL_STORED], ids=lambda moment: moment.name)
async def test_a_caller_who_comes_back_after_the_lease_is_served(
    stack: Stack, database: Database, tmp_path: Path, moment: Moment
) -> None:
    """The rows stored before the kill are dropped: each row is scanned once, and each block charged once."""
    scan = await killed_at(moment, stack, database, tmp_path)
    # The stack's own sweep would fail the scan.
    with without_worker(stack):
        end_lease(database, scan)
        again = await send(stack, scan)
    assert (again.status_code, again.json()["status"]) == (202, "queued"), again.text
    assert (await polled(stack, scan))[-1] == ("completed", 100)
    assert_scanned_once(scan, database)


async def test_a_scan_that_was_queued_before_the_kill_is_done_all_the_same(
    stack: Stack, database: Database, tmp_path: Path
) -> None:
    """Its message was never sent, so the sweep sends it: the poller sees the end, and a late caller gets the reply."""
    scan = await killed_at(QUEUED, stack, database, tmp_path)
    async with services_on(stack) as services:
        await sweep(services, Deadline.starting(20), lost_after_seconds=0)
    assert (await polled(stack, scan))[-1] == ("completed", 100)
    assert_scanned_once(scan, database)
    again = await send(stack, scan)
    assert (again.status_code, again.json()["prospectsFound"]) == (200, ROWS)
