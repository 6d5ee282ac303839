"""Whole scans on a local stack: their time by size, and the memory of the worker."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg

from bench.reading import csv_pieces
from local.stack.stack import Stack

SIZES = (1_000, 10_000, 100_000)
WARM_UP_ROWS = 200
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 3_600
BLOCK = 50
ENERGY_OF_A_BLOCK = 15


@dataclass(frozen=True)
class ScanFigures:
    """A scan of `rows` rows: its time from the request to `completed`, and the worker's peak memory in MB."""

    rows: int
    seconds: float
    found: int
    worker_peak_mb: float | None

    @property
    def milliseconds_each(self) -> float:
        """Return the time per row."""
        return self.seconds * 1000 / self.rows


async def scan_figures(
    stack: Stack, token: str, sizes: tuple[int, ...] = SIZES
) -> AsyncIterator[ScanFigures]:
    """Scan files of these sizes, one after the other, as the demo user, and with this user's energy.

    A small scan comes first and is not measured: by then the worker has imported and connected what it needs.
    """
    headers = {"authorization": f"Bearer {token}", "apikey": stack.publishable_key}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as client:
        await _scan(client, stack, WARM_UP_ROWS)
        for rows in sizes:
            started = time.perf_counter()
            found = await _scan(client, stack, rows)
            yield ScanFigures(rows, time.perf_counter() - started, found, peak_mb(stack.worker_pid))


async def _scan(client: httpx.AsyncClient, stack: Stack, rows: int) -> int:
    """Scan a file of `rows` rows, and return the number of people found."""
    give_energy(stack, -(-rows // BLOCK) * ENERGY_OF_A_BLOCK)
    scan_id = new_scan(stack)
    path = f"{stack.env['DEMO_USER_ID']}/{uuid4()}.csv"
    content = b"".join(csv_pieces(rows))
    uploaded = await client.post(f"/storage/v1/object/scan-uploads/{path}", content=content)
    uploaded.raise_for_status()
    asked = {"scanId": scan_id, "scanType": "csv", "payload": {"storagePath": path}}
    reply = await client.post("/functions/v1/scan-processor-v2", json=asked)
    reply.raise_for_status()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            row = (await client.get("/rest/v1/scans", params={"id": f"eq.{scan_id}"})).json()[0]
            if row["status"] in {"completed", "failed"}:
                return int(row["total_items"])
            await asyncio.sleep(LOOK_SECONDS)


def give_energy(stack: Stack, energy: int) -> None:
    """Set the demo user's energy."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(
            "update public.user_energy set current_energy = %s where user_id = %s",
            [energy, stack.env["DEMO_USER_ID"]],
        )


def new_scan(stack: Stack) -> str:
    """Create the row of a scan of the demo user, and return its id."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        row = connection.execute(
            "insert into public.scans (user_id) values (%s) returning id::text", [stack.env["DEMO_USER_ID"]]
        ).fetchone()
    if row is None:
        raise RuntimeError("the scan was not stored")
    return str(row[0])


def peak_mb(pid: int) -> float | None:
    """Return the peak memory of a process, in MB; None where the system does not report it."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return None if found is None else int(found[1]) / 1000
