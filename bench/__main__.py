"""`make bench`: the time of a call beside the time of the provider alone, on this machine, in one run."""

import asyncio
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from bench.load import Figures, Send, load
from bench.overhead import overhead_figures
from bench.reading import reading_figures
from bench.scans import give_energy, new_scan, scan_figures
from bench.start import Event, Events, get_event, start_figures
from local.commands.invoke import api_gateway_event
from local.gateway.function_apps import names
from local.stack.stack import Stack

WARM_UP = 20
REQUESTS = 300
HELLO = [{"role": "user", "content": "Say hello to Maria."}]
PROSPECT = "d0000000-0000-4000-8000-000000000001"


def main() -> None:
    """Start a separate stack, measure, print, and remove the stack."""
    _measure_reading()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), ephemeral=True, caller=kept) as stack:
        _raise_limits(stack)
        _measure_starts(stack)
        asyncio.run(_measure(stack))
        asyncio.run(_measure_scans(stack))


def _measure_reading() -> None:
    """Print how the time to read a scan's input grows with its size; this needs no stack."""
    table = Table("reading a scan", "people", "people/s", "µs each", "peak MB")
    for figures in reading_figures():
        table.add_row(
            figures.what,
            f"{figures.people:,}",
            f"{figures.per_second:,.0f}",
            f"{figures.microseconds_each:.1f}",
            f"{figures.peak_mb:.1f}",
        )
    Console().print(table)


def _raise_limits(stack: Stack) -> None:
    """Set the demo user's energy and limits high enough for the whole run."""
    give_energy(stack, 1_000_000)
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("update public.ai_tiers set calls_per_minute = 1000000")


def _measure_starts(stack: Stack) -> None:
    """Print the time of a cold start and of a warm call, beside the time of the libraries that they use."""
    token = asyncio.run(_token(stack))
    figures, sizes = start_figures(stack.env, _first_events(stack, token))
    table = Table("starting a function", "ms", "÷ the whole", "at most")
    for start in figures:
        bound = "" if start.bound is None else f"{start.bound:.1f}"
        table.add_row(start.what, f"{start.milliseconds:.0f}", f"{start.ratio:.2f}", bound)
    Console().print(table)
    table = Table("package", "MB", "without bytecode, MB", "at most")
    for size in sizes:
        table.add_row(size.name, f"{size.megabytes:.1f}", f"{size.without_bytecode:.1f}", "15.0")
    Console().print(table)
    overhead = overhead_figures(stack.env, token)
    table = Table("a warm call", "p50 ms", "at most")
    table.add_row("the whole call, provider and Supabase at 0 ms", f"{overhead.call_ms:.2f}", "")
    table.add_row("its calls by the SDKs alone", f"{overhead.sdk_ms:.2f}", "")
    table.add_row("added by Mangum, FastAPI and our own code", f"{overhead.added_ms:.2f}", "2.50")
    Console().print(table)


async def _token(stack: Stack) -> str:
    async with httpx.AsyncClient(timeout=60) as client:
        return await _sign_in(client, stack)


def _first_events(stack: Stack, token: str) -> Events:
    """Return a health check and one served call for each function."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    bodies: dict[str, Callable[[], object]] = {
        "generate-ai-content": lambda: {"messages": HELLO, "config": {"action": "ai_message"}},
        "public-chatbot-chat": lambda: {"message": "Say hello to Maria."},
        "scan-processor-v2": lambda: {
            "scanId": new_scan(stack),
            "scanType": "text",
            "payload": "Maria Santos — kailangan ng extra income",
        },
    }

    def health(name: str) -> Callable[[], Event]:
        return lambda: get_event(f"/functions/v1/{name}/health")

    def call(name: str) -> Callable[[], Event]:
        return lambda: api_gateway_event(f"/functions/v1/{name}", headers, json.dumps(bodies[name]()))

    healths = {f"start to health: {name}": health(name) for name in names()}
    return healths | {f"start to a served call: {name}": call(name) for name in names()}


async def _measure(stack: Stack) -> None:
    async with httpx.AsyncClient(timeout=60) as client:
        token = await _sign_in(client, stack)
        table = Table("what", "at once", "p50 ms", "p95 ms", "requests/s", "p50 ÷ provider's")
        for at_once in (1, 10):
            alone = await _figures(_provider(client, stack), at_once)
            _add(table, "the simulated provider alone", at_once, alone, alone)
            for name, body in (
                ("orchestrator shape", {"messages": HELLO, "config": {"action": "ai_message"}}),
                ("message", {"generationType": "message", "prospectId": PROSPECT}),
            ):
                figures = await _figures(_function(client, stack, token, body), at_once)
                _add(table, name, at_once, figures, alone)
    Console().print(table)
    print(
        "One process of the functions, @supabase/lite and PostgreSQL beside it, all on this machine's cores."
    )


async def _measure_scans(stack: Stack) -> None:
    """Print how the time of whole scans grows with their size; the largest takes some minutes."""
    async with httpx.AsyncClient(timeout=60) as client:
        token = await _sign_in(client, stack)
    table = Table("scanning a CSV", "found", "seconds", "rows/s", "ms a row", "worker's peak MB")
    async for figures in scan_figures(stack, token):
        table.add_row(
            f"{figures.rows:,}",
            f"{figures.found:,}",
            f"{figures.seconds:.1f}",
            f"{figures.rows / figures.seconds:,.0f}",
            f"{figures.milliseconds_each:.2f}",
            "unknown" if figures.worker_peak_mb is None else f"{figures.worker_peak_mb:.0f}",
        )
    Console().print(table)


async def _sign_in(client: httpx.AsyncClient, stack: Stack) -> str:
    reply = await client.post(
        f"{stack.url}/auth/v1/token?grant_type=password",
        headers={"apikey": stack.publishable_key},
        json={"email": stack.env["DEMO_EMAIL"], "password": stack.env["DEMO_PASSWORD"]},
    )
    return str(reply.raise_for_status().json()["access_token"])


def _provider(client: httpx.AsyncClient, stack: Stack) -> Send:
    async def send() -> None:
        reply = await client.post(
            f"{stack.provider_url}/v1/chat/completions",
            headers={"authorization": "Bearer benchmark"},
            json={"model": "gpt-4o", "messages": HELLO},
        )
        reply.raise_for_status()

    return send


def _function(client: httpx.AsyncClient, stack: Stack, token: str, body: object) -> Send:
    async def send() -> None:
        reply = await client.post(
            f"{stack.url}/functions/v1/generate-ai-content",
            headers={"authorization": f"Bearer {token}"},
            json=body,
        )
        reply.raise_for_status()

    return send


async def _figures(send: Send, at_once: int) -> Figures:
    await load(send, WARM_UP, at_once)
    return await load(send, REQUESTS, at_once)


def _add(table: Table, name: str, at_once: int, figures: Figures, alone: Figures) -> None:
    table.add_row(
        name,
        str(at_once),
        f"{figures.percentile(50):.1f}",
        f"{figures.percentile(95):.1f}",
        f"{figures.per_second:.0f}",
        f"{figures.percentile(50) / alone.percentile(50):.1f}",
    )


if __name__ == "__main__":
    main()
