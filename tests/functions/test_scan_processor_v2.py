"""Scans as a signed-in client has them processed: what it is answered, what is stored, what is charged."""

from collections.abc import AsyncIterator

import pytest

from functions.scan_processor_v2.routes import router
from local.stack import Stack
from tests.apps import app_on, client_of
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.functions.scanning import ScanApi, new_scan, people, polled
from tests.provider import Provider


@pytest.fixture
async def scans(stack: Stack) -> AsyncIterator[ScanApi]:
    """Call the function in this process; the stack's own worker runs beside it."""
    async with app_on(stack, "scan-processor-v2", router) as app, client_of(stack, app) as client:
        yield ScanApi(client, stack)


async def test_a_small_scan_is_done_inside_its_call(
    scans: ScanApi, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Three lines become three items and three prospects; one block of energy is charged, by the premium class."""
    scan = new_scan(database, new_user("pro", energy=100))
    reply = await scans(scan.user, scan.id, people(3))
    body = reply.json()
    assert reply.status_code == 200, body
    assert (body["success"], body["scanId"], body["prospectsFound"]) == (True, scan.id, 3)
    assert body["hot"] + body["warm"] + body["cold"] == 3
    assert [row["name"] for row in scan.items()] == ["Maria Santos", "Jose Santos", "Ana Santos"]
    assert [row["full_name"] for row in scan.prospects()] == ["Ana Santos", "Jose Santos", "Maria Santos"]
    row = scan.row()
    assert (row["status"], row["total_items"], len(row["prospect_ids"])) == ("completed", 3, 3)
    assert Books(database, scan.user).energy() == 85
    assert len(provider.requests()) == 1


async def test_a_poller_sees_every_step_rise_to_the_end(
    scans: ScanApi, new_user: NewUser, database: Database, stack: Stack
) -> None:
    """The newest row by updated_at ends at completed 100; the percents never fall."""
    scan = new_scan(database, new_user())
    assert (await scans(scan.user, scan.id, people(120))).status_code == 200
    steps = scan.steps()
    assert steps[0] == ("queued", 0)
    assert (steps[-1], (await polled(stack, scan))[-1]) == (("completed", 100), ("completed", 100))
    assert [percent for _, percent in steps] == sorted({percent for _, percent in steps})
