"""Files that cannot be scanned, whatever their names: a clear message, a failed scan, no charge."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bench.reading import csv_pieces
from functions.scan_processor_v2.routes import router
from local.stack.stack import Stack
from tests.apps import app_on, client_of
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.functions.scan_processor_v2.pictures import png
from tests.functions.scan_processor_v2.scan_api import Scan, ScanApi, new_scan
from tests.functions.scan_processor_v2.test_scan_processor_v2 import upload
from tests.wire import Seen, Wire, wire_before

ENERGY = 1_000
MANY_ROWS = b"".join(csv_pieces(1_100))
BYTES = bytes(range(1, 256)) * 20
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class File:
    """A file in storage, its type according to the client, the reply's status, and words of its message."""

    about: str
    name: str
    content: bytes
    words: str
    status: int = 400

    @property
    def scan_type(self) -> str:
        """Return the scan type that the file's name suggests."""
        return {"csv": "csv", "txt": "text"}.get(self.name.split(".")[-1], "image")


FILES = (
    File("an empty file", "leads.csv", b"", "nothing to scan"),
    File("a header alone", "leads.csv", b"Name,Email\n", "nothing to scan"),
    File("blanks alone", "leads.txt", b" \r\n\t\r\n", "nothing to scan"),
    File("a workbook", "leads.csv", b"PK\x03\x04\x14\x00\x06\x00" + BYTES, "save the sheet as CSV"),
    File("an old workbook", "leads.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + BYTES, "save the sheet as CSV"),
    File("a PDF", "leads.csv", b"%PDF-1.7\n" + BYTES, "copy its text"),
    File("a picture", "leads.csv", png("Maria Santos").data, "an image: send it as one"),
    File("a compressed file", "leads.csv", gzip.compress(MANY_ROWS), "unpack it first"),
    File("a program", "leads.txt", b"\x7fELF\x02\x01\x01" + bytes(9) + BYTES, "a program"),
    File("any bytes", "leads.csv", BYTES, "unknown encoding"),
    File("null characters", "leads.csv", b"Name,Email\nAna\0Lim,ana@example.com\n", "Line 2 of the file"),
    File("half a UTF-16", "leads.csv", "Name\nAna Lim\n".encode("utf-16")[:-1], "save it again as UTF-8"),
    File("an unclosed quote", "leads.csv", b'Name,Notes\nAna Lim,"busy\nJose Cruz,ok\n', "never closed"),
    File("a million columns", "leads.csv", b"Name," * MEGABYTE, "more than 1 MB"),
    File("a thousand columns", "leads.csv", b"x," * 1_000 + b"\n", "at most 500"),
    File("a bad row behind good ones", "leads.csv", MANY_ROWS + b'"Ana" Lim,1\n', "Row 1102 of the file"),
    File("too long a text", "leads.txt", b"Maria Santos - hirap\n" * 500_000, "10000000 bytes", 413),
    File("a text", "friends.png", b"Maria Santos - hirap", "PNG, JPEG or WebP"),
    File("a GIF", "friends.png", b"GIF89a" + BYTES, "PNG, JPEG or WebP"),
    File("half a header", "friends.png", png("Maria").data[:20], "broken"),
    File("an image bomb", "friends.png", png("", 60_000, 60_000).data, "60000 by 60000 pixels", 413),
    File("too large an image", "friends.png", png("").data + bytes(8 * MEGABYTE), "8000000 bytes", 413),
)  # fmt: skip


def assert_failed_for_nothing(scan: Scan, database: Database, sentence: str) -> None:
    """Assert that the poller reads the message, and that there is no input, result or charge."""
    last = scan.rows("scan_status", "updated_at")[-1]
    assert (scan.row()["status"], last["step"], last["message"]) == ("failed", "failed", sentence)
    assert (scan.items(), scan.prospects(), scan.rows("scan_blocks", "ordinal")) == ([], [], [])
    Books(database, scan.user).assert_nothing_charged(ENERGY)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.about)
async def test_a_file_that_cannot_be_scanned_fails_the_scan_with_its_sentence(
    scans: ScanApi, new_user: NewUser, database: Database, stack: Stack, file: File
) -> None:
    """The content decides, never the name; also where a thousand rows were stored before."""
    scan = new_scan(database, new_user("pro", energy=ENERGY))
    path = f"{scan.user.id}/{file.name}"
    upload(stack, scan.user, path, file.content)
    reply = await scans(scan.user, scan.id, {"storagePath": path}, file.scan_type)
    assert (reply.status_code, file.words in reply.json()["error"]) == (file.status, True), reply.text
    assert_failed_for_nothing(scan, database, reply.json()["error"])


async def of_unknown_size(_wire: Wire, _seen: Seen, _request: Request) -> Response:
    """Return twice as much as a text may have, without a header that says so."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"Maria Santos - hirap\n" * 50_000

    return StreamingResponse(pieces())


async def test_a_file_of_unknown_size_is_read_up_to_the_limit(
    new_user: NewUser, database: Database, stack: Stack
) -> None:
    """Received bytes are counted, whatever the headers say."""
    scan = new_scan(database, new_user("pro", energy=ENERGY))
    async with wire_before(stack.url) as wire:
        wire.meet("leads.txt", of_unknown_size)
        async with (
            app_on(stack, "scan-processor-v2", router, None, SUPABASE_URL=wire.url) as app,
            client_of(stack, app) as client,
        ):
            payload = {"storagePath": f"{scan.user.id}/leads.txt"}
            reply = await ScanApi(client, stack)(scan.user, scan.id, payload)
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large"), reply.text
    assert_failed_for_nothing(scan, database, reply.json()["error"])


async def test_cells_that_only_say_that_they_are_empty_are_no_person(
    scans: ScanApi, new_user: NewUser, database: Database, stack: Stack
) -> None:
    """Databases export NULL, sheets n/a: neither is a name or an address."""
    scan = new_scan(database, new_user())
    rows = (
        "Name,Email,Phone",
        "Ana Lim,NULL,null",
        "NULL,NULL,NULL",
        "N/A,n/a,-",
        "none,,None",
        "Jose Cruz,,",
    )
    upload(stack, scan.user, f"{scan.user.id}/leads.csv", "\n".join(rows).encode())
    reply = await scans(scan.user, scan.id, {"storagePath": f"{scan.user.id}/leads.csv"}, "csv")
    assert (reply.status_code, reply.json()["prospectsFound"]) == (200, 2), reply.text
    found = [(row["full_name"], row["email"], row["phone"]) for row in scan.prospects()]
    assert found == [("Ana Lim", None, None), ("Jose Cruz", None, None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "both"])
async def test_names_are_read_in_every_usual_encoding(
    scans: ScanApi, new_user: NewUser, database: Database, stack: Stack, encoding: str
) -> None:
    """This includes a file that was joined from two encodings."""
    scan = new_scan(database, new_user())
    first, second = "Name,Notes\nNiño Peña,kaibigan\n", "Iñigo Muñoz,kaklase\n"
    both = first.encode() + second.encode("cp1252")
    content = both if encoding == "both" else (first + second).encode(encoding)
    upload(stack, scan.user, f"{scan.user.id}/leads.csv", content)
    reply = await scans(scan.user, scan.id, {"storagePath": f"{scan.user.id}/leads.csv"}, "csv")
    assert reply.status_code == 200, reply.text
    assert {row["full_name"] for row in scan.prospects()} == {"Niño Peña", "Iñigo Muñoz"}
