"""Every error of scan-processor-v2 as unmodified supabase-js reads it on a page of another origin (fault 14)."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from local.stack.stack import Stack
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.e2e.app_client import Client, as_user, assert_readable
from tests.e2e.test_browser_errors import another_gateway
from tests.functions.scan_processor_v2.scan_api import Scan, new_scan, people, polled
from tests.wire import Way, answer, hold, lose_request, wire_before

SCAN = "scan-processor-v2"
ENERGY = 100

REFUSED = b'{"code": "42501", "message": "permission denied for function scan_accept"}'


@dataclass(frozen=True)
class Refusal:
    """One error of the contract, the input that causes it, and words of its message."""

    status: int
    code: str
    words: str
    payload: object = "Maria Santos — hirap"
    scan_type: str = "text"


REFUSALS = (
    Refusal(400, "invalid_request", "nothing to scan", {"text": " \n"}),
    Refusal(400, "invalid_request", "Allowed: text, csv, image", scan_type="pdf"),
    Refusal(413, "payload_too_large", "4500000", "Maria Santos — hirap\n" * 250_000),
)
OUTAGES: tuple[tuple[Way, int, str], ...] = (
    (answer(403, REFUSED), 500, "internal_error"),
    (lose_request, 503, "service_unavailable"),
    (hold, 504, "deadline_exceeded"),
)


def asking(scan_id: str, payload: object = "Maria Santos — hirap", scan_type: str = "text") -> dict[str, Any]:
    """Return the body that the app sends."""
    return {"scanId": scan_id, "userId": str(uuid4()), "scanType": scan_type, "payload": payload}


def last_words(scan: Scan) -> object:
    """Return the message of the scan's last status."""
    last = scan.rows("scan_status", "updated_at")[-1]
    return last["step"], last["message"]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: f"{refusal.status} {refusal.words}")
async def test_fault_14_every_refused_input_is_readable(
    app: Client, new_user: NewUser, database: Database, refusal: Refusal
) -> None:
    """The app reads the same message in the reply and in the scan's status, and nothing is charged (fault 14)."""
    user = new_user(energy=ENERGY)
    scan = new_scan(database, user)
    said = await as_user(app, user).invoke(SCAN, asking(scan.id, refusal.payload, refusal.scan_type))
    assert_readable(said, refusal.status, refusal.code)
    assert refusal.words in said["body"]["error"]
    assert last_words(scan) == ("failed", said["body"]["error"])
    Books(database, user).assert_nothing_charged(ENERGY)


async def test_fault_14_a_scan_without_its_user_is_readable(
    app: Client, new_user: NewUser, database: Database
) -> None:
    """Without a sign-in, and with an expired or an invalid token, the app reads a 401 (fault 14)."""
    scan = new_scan(database, new_user())
    assert_readable(await app.invoke(SCAN, asking(scan.id)), 401, "unauthorized")
    headers = {"authorization": "Bearer no.such.token"}
    said = await as_user(app, scan.user).invoke(SCAN, asking(scan.id), headers=headers)
    assert_readable(said, 401, "unauthorized")
    assert scan.steps() == []


async def test_fault_14_another_s_scan_is_readable(
    app: Client, new_user: NewUser, database: Database
) -> None:
    """Another user's scan and a missing scan give the same 404 (fault 14)."""
    scan, client = new_scan(database, new_user()), as_user(app, new_user())
    replies = [await client.invoke(SCAN, asking(scan_id)) for scan_id in (scan.id, str(uuid4()))]
    for said in replies:
        assert_readable(said, 404, "scan_not_found")
    assert replies[0]["body"]["error"] == replies[1]["body"]["error"]
    assert scan.steps() == []


async def test_fault_14_a_scan_that_has_failed_is_readable(
    app: Client, new_user: NewUser, database: Database
) -> None:
    """A failed scan gives a 422 with the message of its last status, whatever made it fail (fault 14)."""
    scan = new_scan(database, new_user())
    sentence = "The scan could not be completed. Please try again."
    database.execute("select public.scan_fail(%s, %s, 'scan_failed', %s)", [scan.id, scan.user.id, sentence])
    said = await as_user(app, scan.user).invoke(SCAN, asking(scan.id))
    assert_readable(said, 422, "scan_failed")
    assert (said["body"]["error"], last_words(scan)) == (sentence, ("failed", sentence))


async def test_fault_14_a_scan_without_energy_is_no_error(
    app: Client, new_user: NewUser, database: Database
) -> None:
    """Without energy the rules score the scan, and the reply says so; there is no 402 (fault 14)."""
    scan = new_scan(database, new_user(energy=0))
    said = await as_user(app, scan.user).invoke(SCAN, asking(scan.id, people(2)))
    assert (said["error"], said["body"]["prospectsFound"]) == (None, 2), said
    assert said["body"]["partial"]["reason"] == "insufficient_energy"


async def test_fault_14_a_database_that_is_away_is_readable(
    app: Client, stack: Stack, new_user: NewUser, database: Database
) -> None:
    """A database that refuses, disconnects or hangs gives 500, 503 and 504; the scan can be sent again (fault 14)."""
    user = new_user(energy=ENERGY)
    scan = new_scan(database, user)
    async with wire_before(stack.upstream_url) as wire:
        with another_gateway(stack, SUPABASE_URL=wire.url, REQUEST_TIMEOUT_SECONDS="5") as url:
            client = Client(app.page, url, app.key, user)
            for way, status, code in OUTAGES:
                wire.meet("scan_accept", *[way] * 9)
                assert_readable(await client.invoke(SCAN, asking(scan.id)), status, code)
                wire.forget()
            assert (scan.steps(), Books(database, user).energy()) == ([], ENERGY)
            said = await client.invoke(SCAN, asking(scan.id))
    assert (said["error"], said["body"]["success"]) == (None, True), said
    assert (await polled(stack, scan))[-1] == ("completed", 100)
    assert [row["full_name"] for row in scan.prospects()] == ["Maria Santos"]


async def test_fault_14_a_scan_that_is_down_is_a_relay_error(app: Client, stack: Stack) -> None:
    """The library distinguishes the gateway's own error from the function's (fault 14)."""
    with another_gateway(stack, LOG_LEVEL="loud") as url:
        said = await Client(app.page, url, app.key).invoke(SCAN, asking(str(uuid4())))
    assert (said["error"], said["status"], said["type"]) == ("FunctionsRelayError", 503, "cors")
    assert said["body"]["code"] == "function_unavailable"
