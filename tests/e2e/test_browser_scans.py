"""A scan in a browser with unmodified supabase-js: upload, row, call, and polling for the end."""

from uuid import uuid4

import pytest

from local.stack.stack import Stack
from tests.conftest import Database, NewUser
from tests.e2e.app_client import Client, as_user
from tests.functions.scan_processor_v2.scan_api import new_scan, polled

SCAN = "scan-processor-v2"
TABLE = "Pangalan,Email\r\nNiño Peña,nino@example.com\r\nAna Lim,\r\n"


@pytest.mark.parametrize("kind", ["text/csv", "application/vnd.ms-excel", "text/plain", ""])
async def test_a_file_that_a_browser_uploads_is_scanned(
    app: Client, stack: Stack, new_user: NewUser, database: Database, kind: str
) -> None:
    """The stored file equals the chosen one, whatever type the browser's system gives a CSV."""
    scan = new_scan(database, new_user())
    client, path = as_user(app, scan.user), f"{scan.user.id}/{uuid4()}.csv"
    assert await client.run("upload", path, TABLE, type=kind) == {"path": path, "error": None}
    body = {
        "scanId": scan.id,
        "userId": scan.user.id,
        "scanType": "csv",
        "payload": {"storagePath": path},
    }
    said = await client.invoke(SCAN, body)
    assert (said["error"], said["body"]["success"]) == (None, True), said
    assert (await polled(stack, scan))[-1] == ("completed", 100)
    found = [(row["full_name"], row["email"]) for row in scan.prospects()]
    assert found == [("Ana Lim", None), ("Niño Peña", "nino@example.com")]


async def test_a_browser_uploads_into_no_folder_but_its_user_s(app: Client, new_user: NewUser) -> None:
    """The storage refuses another user's folder with an error, and stores nothing."""
    user, other = new_user(), new_user()
    said = await as_user(app, user).run("upload", f"{other.id}/{uuid4()}.csv", TABLE)
    assert said == {"path": None, "error": "new row violates row-level security policy"}
