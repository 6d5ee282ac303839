"""Scans as the web client makes them: create the row, call, then poll for the newest status."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
from psycopg.rows import dict_row

from local.stack.stack import Stack
from tests.conftest import Database
from tests.users import User

URL = "/functions/v1/scan-processor-v2"
LOOKS = 600
Row = dict[str, Any]

FIRST_NAMES = (
    "Maria Jose Ana Juan Liza Pedro Rosa Carlo Nena Dante Grace Ramon Joy Marco Ella Paolo Tess Nico "
    "Carmen Andres"
)
LAST_NAMES = (
    "Santos Reyes Cruz Bautista Ocampo Garcia Mendoza Torres Flores Rivera Ramos Aquino Castillo Villanueva Fernandez "
    "Gonzales Mercado Salazar Navarro Pascual Santiago Valdez Soriano Tolentino Manalo Lim Tan Abad Alonzo Bernal "
    "Cabrera Dizon Enriquez Francisco Guevarra Hernandez Ignacio Javier Lacson Magno Natividad Ortega Padilla Quinto "
    "Robles Samson Trinidad Umali Vergara Zamora"
)


def people(count: int, first: int = 0) -> str:
    """Return lines of the form "Name — note", all different, two of three warm and one hot."""
    notes = ("kailangan ng extra income ngayon", "nag-post ng birthday photos", "naghahanap ng bagong laptop")
    return "\n".join(
        f"{name(number)} — {notes[number % 3]}, sabi niya noong araw {number}"
        for number in range(first, first + count)
    )


def name(number: int) -> str:
    """Return a name that no other number below a thousand has."""
    return f"{FIRST_NAMES.split()[number % 20]} {LAST_NAMES.split()[number // 20]}"


@dataclass(frozen=True)
class Scan:
    """One scan of a user, as its owner and the database see it."""

    id: str
    user: User
    database: Database

    def rows(self, table: str, order: str = "created_at") -> list[Row]:
        """Return its rows of a table."""
        with self.database.cursor(row_factory=dict_row) as cursor:
            query = f"select * from public.{table} where scan_id = %s order by {order}"
            return cursor.execute(query.encode(), [self.id]).fetchall()

    def row(self) -> Row:
        """Return the row of the scan."""
        with self.database.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute("select * from public.scans where id = %s", [self.id]).fetchone()
        assert found is not None
        return found

    def job(self) -> Row:
        """Return the row of its job."""
        (job,) = self.rows("scan_jobs")
        return job

    def items(self) -> list[Row]:
        """Return the rows of its items."""
        return self.rows("scan_processed_items")

    def prospects(self) -> list[Row]:
        """Return the prospects of its owner, by name."""
        with self.database.cursor(row_factory=dict_row) as cursor:
            query = "select * from public.prospects where user_id = %s order by full_name"
            return cursor.execute(query, [self.user.id]).fetchall()

    def steps(self) -> list[tuple[str, int]]:
        """Return the statuses for pollers, in the order of time."""
        return [(row["step"], row["percent"]) for row in self.rows("scan_status", "updated_at")]


def new_scan(database: Database, user: User) -> Scan:
    """Return a scan that the client has just created."""
    scan_id = str(uuid4())
    database.execute("insert into public.scans (id, user_id) values (%s, %s)", [scan_id, user.id])
    return Scan(scan_id, user, database)


class ScanApi:
    """The function's URL below a stack's gateway, or below an app of the test."""

    def __init__(self, client: httpx.AsyncClient, stack: Stack) -> None:
        self._client = client
        self._stack = stack

    async def __call__(
        self, user: User | None, scan_id: object, payload: object, scan_type: object = "text", **more: object
    ) -> httpx.Response:
        """Request a scan as its user, or (None) with the publishable key alone; return the reply."""
        body = {"scanId": scan_id, "scanType": scan_type, "payload": payload, **more}
        return await self.raw(user, json.dumps(body).encode())

    async def raw(self, user: User | None, content: bytes) -> httpx.Response:
        """POST these bytes."""
        headers = {"apikey": self._stack.publishable_key, "content-type": "application/json"}
        if user is not None:
            headers["authorization"] = f"Bearer {user.access_token}"
        return await self._client.post(URL, content=content, headers=headers)

    async def as_service(self, body: dict[str, object]) -> httpx.Response:
        """POST with the secret key."""
        return await self._client.post(URL, json=body, headers={"apikey": self._stack.secret_key})


async def polled(stack: Stack, scan: Scan) -> list[tuple[str, int]]:
    """Poll for the newest status with the user's token until the end; return all statuses."""
    seen: list[tuple[str, int]] = []
    headers = {"apikey": stack.publishable_key, "authorization": f"Bearer {scan.user.access_token}"}
    query = f"/rest/v1/scan_status?scan_id=eq.{UUID(scan.id)}&order=updated_at.desc&limit=1"
    async with httpx.AsyncClient(base_url=stack.url, timeout=30, headers=headers) as client:
        for _ in range(LOOKS):
            for row in (await client.get(query)).json():
                seen += [(row["step"], row["percent"])]
                if row["step"] in {"completed", "failed"}:
                    return list(dict.fromkeys(seen))
            await asyncio.sleep(0.05)
    raise AssertionError(f"no end: {seen[-1:]} {scan.job()}")
