"""`kill -9` of workers that compete for a scan: nothing is doubled or lost, it completes, and charges are right."""

import asyncio
import random
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from functions.scan_processor_v2.routes import router
from local.stack.stack import Stack
from shared.deadline import Deadline
from shared.sweep import sweep as sweep_once
from tests.apps import app_on, client_of, services_on
from tests.books import Books
from tests.conftest import Database
from tests.functions.scan_processor_v2.scan_api import Scan, ScanApi, name, new_scan, people
from tests.proofs.figures import show
from tests.proofs.scan_workers import ScanWorkers, scan_workers
from tests.proofs.test_kills import sweep
from tests.sql.invariants import broken
from tests.users import signed_in

RECORDS = 1_000
BLOCKS = 20
ENERGY = 1_000
BLOCK_ENERGY = 15
"""The energy of a block in the premium class."""

MAX_WAIT_SECONDS = 1.5
LOOKS = 4_000


async def handed_in(stack: Stack, database: Database) -> Scan:
    """Return a queued scan of a thousand records, of a new user."""
    scan = new_scan(database, signed_in(stack, database, energy=ENERGY))
    async with app_on(stack, "scan-processor-v2", router) as app, client_of(stack, app) as client:
        reply = await ScanApi(client, stack)(scan.user, scan.id, people(RECORDS))
    assert (reply.status_code, reply.json()["status"]) == (202, "queued"), reply.text
    return scan


def let_time_pass(database: Database, scan: Scan) -> None:
    """Let the scan's lease and the holds for its blocks expire, as they do after two minutes.

    Kills come faster here than blocks are done, and a scan is given up after five kills without one; this prevents it.
    """
    database.execute(
        "update public.ai_requests set expires_at = now() - interval '1 second' where state = 'held' and user_id = %s",
        [scan.user.id],
    )
    database.execute(
        "update public.scan_jobs set tries = 0, lease_until = now() - interval '1 second' "
        "where state = 'running' and scan_id = %s",
        [scan.id],
    )


async def kill_until_done(
    scan: Scan, database: Database, running: ScanWorkers, dice: random.Random, most_kills: int
) -> int:
    """Kill workers at random moments while the scan is worked on; return the number of kills."""
    kills = 0
    while kills < most_kills:
        await asyncio.sleep(dice.uniform(0, MAX_WAIT_SECONDS))
        if scan.job()["state"] not in {"queued", "running"}:
            return kills
        victim = dice.randrange(len(running))
        await asyncio.to_thread(running.kill, victim)
        let_time_pass(database, scan)
        await asyncio.to_thread(running.replace, victim)
        kills += 1
    return kills


async def ended(stack: Stack, scan: Scan, database: Database) -> None:
    """Wait for the end of the scan."""
    for look in range(LOOKS):
        if scan.job()["state"] in {"done", "failed"}:
            return
        if look % 100 == 0:
            # A killed worker's call may have arrived after its holds had expired, and its message was lost with it.
            let_time_pass(database, scan)
            async with services_on(stack) as services:
                await sweep_once(services, Deadline.starting(10), lost_after_seconds=0)
        await asyncio.sleep(0.05)
    raise AssertionError(scan.job())


def assert_whole(scan: Scan, database: Database) -> Counter[str]:
    """Assert: every record once, in one item and one prospect; each block charged once; nothing held."""
    sweep(database)
    job = scan.job()
    assert (job["state"], job["blocks_done"], job["blocks_total"]) == ("done", BLOCKS, BLOCKS), job
    assert (job["by_rules"], job["items"]) == (0, RECORDS)
    items = scan.items()
    assert sorted(row["metadata"]["position"] for row in items) == list(range(RECORDS))
    assert sorted(row["full_name"] for row in scan.prospects()) == sorted(map(name, range(RECORDS)))
    row = scan.row()
    assert (row["status"], row["total_items"], len(row["prospect_ids"])) == ("completed", RECORDS, RECORDS)
    assert row["hot_leads"] + row["warm_leads"] + row["cold_leads"] == RECORDS
    books = Books(database, scan.user)
    assert broken(database, UUID(scan.user.id)) == []
    assert books.energy() == ENERGY - BLOCKS * BLOCK_ENERGY
    assert [request["state"] for request in books.requests() if request["state"] == "held"] == []
    percents = [percent for _, percent in scan.steps()]
    assert percents == sorted(set(percents))
    assert scan.steps()[-1] == ("completed", 100)
    return Counter(request["state"] for request in books.requests())


async def kill(stack: Stack, database: Database, log: Path, seed: int, kills: int) -> Counter[str]:
    """Kill a number of times, over as many scans as that takes, and check each of them."""
    dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
    counts: Counter[str] = Counter()
    with scan_workers(stack, 2, log) as running:
        while counts["kills"] < kills:
            scan = await handed_in(stack, database)
            counts["kills"] += await kill_until_done(scan, database, running, dice, kills - counts["kills"])
            await ended(stack, scan, database)
            counts += assert_whole(scan, database)
            counts["scans"] += 1
    return counts


async def test_killed_workers_lose_and_double_nothing_of_a_scan(
    stack: Stack, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After 5 kills of two competing workers the scan has exactly a thousand results, each block charged once."""
    counts = await kill(stack, database, tmp_path / "workers.log", seed=0, kills=5)
    show(capsys, "5 kills of scanning workers", counts)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 11))
async def test_two_hundred_kills_lose_and_double_nothing_of_a_scan(
    stack: Stack, database: Database, tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """20 kills a seed, 200 in all."""
    counts = await kill(stack, database, tmp_path / "workers.log", seed, kills=20)
    show(capsys, f"seed {seed}, 20 kills of scanning workers", counts)
