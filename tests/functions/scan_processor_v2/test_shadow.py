"""scan-processor-v2 in shadow mode: a copied scan is read and scored by rules, without a visible effect."""

import base64
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from functions.scan_processor_v2.routes import router
from local.stack.stack import Stack
from tests.conftest import Database, NewUser
from tests.functions.scan_processor_v2.scan_api import Scan, ScanApi, new_scan
from tests.functions.scan_processor_v2.test_scan_processor_v2 import upload
from tests.functions.shadow_effects import ANSWER, Shadow, Tenant, in_shadow, nothing_changes
from tests.provider import Provider

# By the old points: 50 + 8 kailangan + 10 extra income + 12 ngayon = 80 is hot; 50 and 58 are warm.
LINES = (
    "Maria Santos — kailangan ng extra income ngayon\n"
    "Jose Reyes — nag-post ng birthday photos\n"
    "Jose Reyes — nag-post ng birthday photos\n"
    "Ana Cruz — pagod na daw"
)
FOUND = {"records": 3, "duplicates": 1, "people": 3, "hot": 1, "warm": 2}


@pytest.fixture
async def served(stack: Stack) -> AsyncIterator[Shadow]:
    """Yield the function in this process, in shadow mode."""
    async with in_shadow(stack, "scan-processor-v2", router) as served:
        yield served


@pytest.fixture
def shadow(stack: Stack, served: Shadow) -> ScanApi:
    """Return calls of it."""
    return ScanApi(served.client, stack)


@pytest.fixture
def scan(database: Database, new_user: NewUser) -> Scan:
    """Return a scan that the client has just created."""
    return new_scan(database, new_user())


def tenant_of(scan: Scan) -> Tenant:
    """Return the rows of the scan and of its owner."""
    return Tenant(scan.database, scan.user.id, scan.id)


async def test_a_copied_scan_is_counted_and_leaves_nothing(
    shadow: ScanApi, scan: Scan, provider: Provider, served: Shadow
) -> None:
    """Its figures are logged; no job, block, status, item or prospect is stored, and no model is called."""
    with nothing_changes(tenant_of(scan)):
        reply = await shadow(scan.user, scan.id, LINES)
    assert (reply.status_code, set(reply.json())) == (202, ANSWER)
    (finished,) = served.log.finished()
    assert {name: finished[name] for name in FOUND} == FOUND
    assert (finished["status"], finished["shadow"], finished["scan_id"]) == (200, True, scan.id)
    assert "Maria" not in str(finished)
    assert (provider.requests(), tenant_of(scan).usage(), tenant_of(scan).attempts()) == ([], [], [])


async def test_a_copied_file_is_read_from_storage(
    stack: Stack, shadow: ScanApi, scan: Scan, served: Shadow
) -> None:
    """A CSV is read by its path, with its owner's rights or as the service for the owner."""
    path = f"{scan.user.id}/leads.csv"
    upload(stack, scan.user, path, b"Name,Notes\nAna Lim,kailangan ng pera\nBen Tan,wala\n")
    body: dict[str, object] = {"scanId": scan.id, "scanType": "csv", "payload": {"storagePath": path}}
    with nothing_changes(tenant_of(scan)):
        replies = [
            await shadow(scan.user, scan.id, {"storagePath": path}, "csv"),
            await shadow.as_service(body),
        ]
    assert [reply.status_code for reply in replies] == [202, 202]
    assert [line["people"] for line in served.log.finished()] == [2, 2]


async def test_a_copied_image_is_checked_and_not_sent(
    shadow: ScanApi, scan: Scan, provider: Provider
) -> None:
    """A file that is not an image gets the usual error; the scan does not fail by it."""
    picture = base64.b64encode(b"no picture at all").decode()
    with nothing_changes(tenant_of(scan)):
        reply = await shadow(scan.user, scan.id, {"image": picture}, "image")
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
    assert provider.requests() == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"scanId": "%s", "payload": 5}', b'{"scanId": "%s", "scanType": "text"}']
)
async def test_a_copy_that_cannot_be_read_fails_no_scan(content: bytes, shadow: ScanApi, scan: Scan) -> None:
    """The original reports the error to its owner."""
    with nothing_changes(tenant_of(scan)):
        reply = await shadow.raw(scan.user, content.replace(b"%s", scan.id.encode()))
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")


async def test_copies_for_strangers_are_refused(shadow: ScanApi, scan: Scan, new_user: NewUser) -> None:
    """Another user's scan, a call without a user, and a missing scan are refused as usual."""
    with nothing_changes(tenant_of(scan)):
        replies = [
            await shadow(new_user(), scan.id, LINES),
            await shadow(None, scan.id, LINES),
            await shadow(scan.user, str(uuid4()), LINES),
        ]
    assert [reply.status_code for reply in replies] == [404, 401, 404]
