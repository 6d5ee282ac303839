"""How often a small scan waits for the database: counted at the wire."""

import sys

import pytest

from functions.scan_processor_v2.routes import router
from local.stack.stack import Stack
from tests.apps import app_on, client_of
from tests.conftest import Database, NewUser
from tests.functions.scan_processor_v2.scan_api import ScanApi, new_scan, people
from tests.proofs.scan_workers import without_worker
from tests.wire import wire_before


async def test_a_small_scan_waits_nine_times(
    stack: Stack, new_user: NewUser, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the twelve requests for fifty lines four are sent together; the old code made 23, one after another."""
    scan = new_scan(database, new_user())
    async with wire_before(stack.upstream_url) as wire:
        async with (
            app_on(stack, "scan-processor-v2", router, None, SUPABASE_URL=wire.url) as app,
            client_of(stack, app) as client,
        ):
            with without_worker(stack):
                reply = await ScanApi(client, stack)(scan.user, scan.id, people(50))
        assert reply.status_code == 200
        names = wire.names()
    with capsys.disabled():
        sys.stdout.write(f"\nA scan of 50 lines: {len(names)} requests to Supabase {names}\n")
    assert names == [
        "scan_accept",
        "scan_add_blocks",
        "scan_queue",
        "scan_claim",
        "scan_open_blocks",
        "ai_reserve",
        *["ai_note_attempt"] * 4,
        "ai_settle",
        "scan_finish",
    ]
