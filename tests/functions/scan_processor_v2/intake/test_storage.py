"""A scan opens only files in its owner's folder, for any caller; for others the storage is not called."""

from collections.abc import AsyncIterator

import httpx
import pytest

from functions.scan_processor_v2.routes import router
from local.stack.stack import Stack
from tests.apps import app_on, client_of
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.functions.scan_processor_v2.scan_api import Scan, ScanApi, new_scan
from tests.functions.scan_processor_v2.test_scan_processor_v2 import upload
from tests.wire import Wire, wire_before

CONTENT = b"Name,Email\nAna Lim,ana@example.com\n"
OUTSIDE = (
    "{other}/leads.csv",
    "/{other}/leads.csv",
    "scan-uploads/{other}/leads.csv",
    "{own}/../{other}/leads.csv",
    "../scan-uploads/{other}/leads.csv",
    "{own}",
    "{own}x/leads.csv",
    "leads.csv",
    "None/leads.csv",
)


@pytest.fixture
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """Yield the proxy before the stack's origin."""
    async with wire_before(stack.url) as between:
        yield between


@pytest.fixture
async def behind(stack: Stack, wire: Wire) -> AsyncIterator[ScanApi]:
    """Yield the function in this process, behind the proxy."""
    async with (
        app_on(stack, "scan-processor-v2", router, None, SUPABASE_URL=wire.url) as app,
        client_of(stack, app) as client,
    ):
        yield ScanApi(client, stack)


async def asked(scans: ScanApi, scan: Scan, path: str, *, service: bool) -> httpx.Response:
    """Request the scan of a file as its owner, or with the service key; return the reply."""
    payload = {"storagePath": path}
    if service:
        return await scans.as_service({"scanId": scan.id, "scanType": "csv", "payload": payload})
    return await scans(scan.user, scan.id, payload, "csv")


def asked_storage(wire: Wire) -> list[str]:
    """Return the addresses of requested files."""
    return [seen.path for seen in wire.seen if seen.path.startswith("/storage/")]


@pytest.mark.parametrize("service", [False, True], ids=["user", "service"])
@pytest.mark.parametrize("path", OUTSIDE)
async def test_a_path_outside_the_owners_folder_is_refused_unasked(
    behind: ScanApi,
    wire: Wire,
    stack: Stack,
    new_user: NewUser,
    database: Database,
    path: str,
    *,
    service: bool,
) -> None:
    """The storage's policies are a second check: here no request has reached it."""
    scan, other = new_scan(database, new_user("pro", energy=100)), new_user()
    upload(stack, other, f"{other.id}/leads.csv", CONTENT)
    place = path.format(own=scan.user.id, other=other.id)
    reply = await asked(behind, scan, place, service=service)
    assert (reply.status_code, reply.json()["details"][0]["field"]) == (400, "payload.storagePath"), (
        reply.text
    )
    assert asked_storage(wire) == []
    assert scan.rows("scan_status", "updated_at")[-1]["message"] == reply.json()["error"]
    Books(database, scan.user).assert_nothing_charged(100)


@pytest.mark.parametrize("service", [False, True], ids=["user", "service"])
@pytest.mark.parametrize("path", ["{own}/leads.csv", "/{own}/leads.csv", "scan-uploads/{own}/leads.csv"])
async def test_a_path_in_the_owners_folder_is_read(
    behind: ScanApi,
    wire: Wire,
    stack: Stack,
    new_user: NewUser,
    database: Database,
    path: str,
    *,
    service: bool,
) -> None:
    """It may start with the bucket's name, as some clients write it."""
    scan = new_scan(database, new_user())
    upload(stack, scan.user, f"{scan.user.id}/leads.csv", CONTENT)
    reply = await asked(behind, scan, path.format(own=scan.user.id), service=service)
    assert (reply.status_code, reply.json()["prospectsFound"]) == (200, 1), reply.text
    address = f"/storage/v1/object/authenticated/scan-uploads/{scan.user.id}/leads.csv"
    assert asked_storage(wire) == [address]
