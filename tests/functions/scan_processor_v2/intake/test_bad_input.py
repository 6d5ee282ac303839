"""Input that cannot be scanned: a clear message, the scan failed with the same message, no charge."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest

from local.stack.stack import Stack
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.functions.scan_processor_v2.pictures import png
from tests.functions.scan_processor_v2.scan_api import ScanApi, new_scan, people
from tests.functions.scan_processor_v2.test_scan_processor_v2 import upload

ENERGY = 100


@dataclass(frozen=True)
class Case:
    """The request, and the reply: the status, and words of the message."""

    name: str
    scan_type: object
    payload: Any
    status: int
    words: str


CASES = (
    Case("empty text", "text", "", 400, "nothing to scan"),
    Case("blank text", "text", {"text": " \n\t "}, 400, "nothing to scan"),
    Case("no payload", "text", None, 400, "payload"),
    Case("an empty object", "csv", {}, 400, "nothing to scan"),
    Case("a list", "text", ["Maria Santos"], 400, "payload"),
    Case("a number", "csv", 7, 400, "payload"),
    Case("punctuation alone", "text", "--- \n ... \n", 400, "nothing to scan"),
    Case("an unknown type", "pdf", people(2), 400, "Allowed: text, csv, image"),
    Case("no type", None, people(2), 400, "scanType"),
    Case("null characters", "text", "Maria\x00Santos — hirap", 400, "null characters"),
    Case("half a character", "text", "Maria \ud800 Santos", 400, "surrogate"),
    Case("broken base64", "image", {"image": "%%% not base64 %%%"}, 400, "base64"),
    Case("a text as image", "image", base64.b64encode(b"Maria Santos").decode(), 400, "PNG, JPEG or WebP"),
    Case("an image bomb", "image", png("", 60_000, 60_000).base64, 413, "too large"),
    Case("half of base64", "image", {"image": png("Maria").base64[:-3]}, 400, "base64"),
    Case("base64 for addresses", "image", {"image": png("Maria").base64[:-4] + "_-__"}, 400, "base64"),
    Case("a data URL of nothing", "image", {"image": "data:image/png;base64,"}, 400, "PNG, JPEG or WebP"),
    Case("a data URL of a page", "image", "data:text/html;base64,PGgxPkhpPC9oMT4=", 400, "PNG, JPEG or WebP"),
    Case("letters of no alphabet as image", "image", "ñ" * 8, 400, "base64"),
    Case("nulls", "image", {"image": None, "text": None, "storagePath": None}, 400, "nothing to scan"),
    Case("an object in a field", "text", {"text": {"name": "Maria"}}, 400, "payload"),
    Case("a binary as csv", "csv", png("").data.decode("latin-1"), 400, "null characters"),
    Case("a million columns", "csv", "a," * 1_000_000, 400, "more than 1 MB"),
    Case("a thousand columns", "csv", "a," * 1_000, 400, "columns"),
    Case("a path that climbs", "csv", {"storagePath": "../secrets/leads.csv"}, 400, "no such file"),
    Case("a file that is not there", "csv", {"storagePath": "nowhere.csv"}, 400, "no such file"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_bad_input_fails_the_scan_with_the_sentence_of_the_answer(
    scans: ScanApi, new_user: NewUser, database: Database, case: Case
) -> None:
    """The caller and the poller read the same message; a second call gets it again."""
    scan = new_scan(database, new_user("pro", energy=ENERGY))
    reply = await scans(scan.user, scan.id, case.payload, case.scan_type)
    assert (reply.status_code, case.words in reply.json()["error"]) == (case.status, True), reply.text
    assert scan.row()["status"] == "failed"
    last = scan.rows("scan_status", "updated_at")[-1]
    assert (last["step"], last["message"]) == ("failed", reply.json()["error"])
    Books(database, scan.user).assert_nothing_charged(ENERGY)
    again = await scans(scan.user, scan.id, people(2))
    assert (again.status_code, again.json()["error"]) == (case.status, reply.json()["error"])
    assert scan.items() == []


async def test_a_body_of_five_megabytes_fails_the_scan_that_it_names(
    scans: ScanApi, new_user: NewUser, database: Database
) -> None:
    """The reply is a 413: reading stops at the limit, and the beginning of the body names the scan."""
    scan = new_scan(database, new_user("pro", energy=ENERGY))
    reply = await scans(scan.user, scan.id, "Maria Santos — hirap\n" * 250_000)
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")
    assert scan.rows("scan_status", "updated_at")[-1]["message"] == reply.json()["error"]
    Books(database, scan.user).assert_nothing_charged(ENERGY)


async def test_a_body_that_is_no_json_fails_the_scan_that_it_names(
    scans: ScanApi, new_user: NewUser, database: Database
) -> None:
    """A client whose body is incomplete gets the error, and so does its page."""
    scan = new_scan(database, new_user())
    whole = json.dumps({"scanId": scan.id, "scanType": "text", "payload": people(2)}).encode()
    reply = await scans.raw(scan.user, whole[:-5])
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
    assert scan.row()["status"] == "failed"


@pytest.mark.parametrize("scan_id", [None, "", 7, "no-uuid", ["x"]])
async def test_a_request_that_names_no_scan_is_refused(
    scans: ScanApi, new_user: NewUser, scan_id: object
) -> None:
    """The field is named; no scan can be marked as failed."""
    reply = await scans(new_user(), scan_id, people(2))
    assert (reply.status_code, reply.json()["details"][0]["field"]) == (400, "scanId")


async def test_a_file_of_sixty_megabytes_is_refused_before_it_is_read(
    scans: ScanApi, new_user: NewUser, database: Database, stack: Stack
) -> None:
    """The 413 has the limit in its message."""
    scan = new_scan(database, new_user("pro", energy=ENERGY))
    upload(stack, scan.user, f"{scan.user.id}/all.csv", b"Name,Email\n" + b"a,b\n" * 15_000_000)
    reply = await scans(scan.user, scan.id, {"storagePath": f"{scan.user.id}/all.csv"}, "csv")
    assert (reply.status_code, "50000000 bytes" in reply.json()["error"]) == (413, True)
    assert scan.rows("scan_status", "updated_at")[-1]["message"] == reply.json()["error"]
    Books(database, scan.user).assert_nothing_charged(ENERGY)


async def test_bad_input_for_a_scan_that_runs_or_is_done_changes_nothing(
    scans: ScanApi, new_user: NewUser, database: Database
) -> None:
    """A completed scan stays completed, whatever is sent for it later."""
    scan = new_scan(database, new_user())
    first = await scans(scan.user, scan.id, people(2))
    again = await scans(scan.user, scan.id, "", "nonsense")
    assert (again.status_code, again.json()) == (200, first.json())
    assert scan.row()["status"] == "completed"
