"""The program in the zip of a streaming function, as the web adapter starts it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from local.package import contents, wheels
from local.package.__main__ import FOLDER
from local.package.target import HOST
from local.servers.ports import free_port
from local.stack.stack import Stack
from tests.books import Books
from tests.calls import orchestrated
from tests.conftest import Database, NewUser
from tests.proofs.wait import wait_until
from tests.provider import Provider
from tests.wire import Seen, Wire, pass_on, wire_before

SECRET = "a-secret-of-the-distribution"

ENVIRONMENT = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_abc",
    "SUPABASE_SECRET_KEY": "sb_secret_def",
    "OPENAI_API_KEY": "sk-local",
    "ORIGIN_SECRET": SECRET,
    "ORIGIN_SECRET_REQUIRED": "true",
}


def task_root(name: str, folder: Path) -> Path:
    """Return a function's zip as the platform unpacks it; it contains only listed files."""
    for place, source in contents.of_function(name, wheels.installed(HOST, FOLDER / "wheels")):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).symlink_to(source)
    return folder


def only_python(folder: Path) -> str:
    """Return a PATH whose python3 sees no package of this machine."""
    folder.mkdir()
    program = folder / "python3"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    program.chmod(0o755)
    return str(folder)


@contextmanager
def serving(name: str, folder: Path, variables: Mapping[str, str], port: int = 0) -> Iterator[str]:
    """Yield the address of a function that was started as the adapter does."""
    root = task_root(name.replace("-", "_"), folder / "task")
    port = port or free_port()
    environment = {
        **variables,
        "PATH": only_python(folder / "bin") + os.pathsep + os.defpath,
        "LAMBDA_TASK_ROOT": str(root),
        "PORT": str(port),
    }
    address = f"http://127.0.0.1:{port}/functions/v1/{name}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([root / "run.sh"], cwd="/", env=environment, stdout=log, stderr=log)
        try:
            wait_until(lambda: process.poll() is not None or is_up(address), 20)
            assert process.poll() is None, (folder / "log").read_text()
            yield address
        finally:
            process.terminate()
            process.wait()


def is_up(address: str) -> bool:
    """Return whether a server answers."""
    try:
        httpx.get(f"{address}/health")
    except httpx.ConnectError:
        return False
    return True


@pytest.mark.parametrize("name", ["generate-ai-content", "public-chatbot-chat"])
def test_a_function_is_served_to_the_distribution_alone(tmp_path: Path, name: str) -> None:
    """The function runs from its package alone, and answers only requests with the distribution's secret."""
    with serving(name, tmp_path, ENVIRONMENT) as served:
        refused = httpx.get(f"{served}/health")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        well = httpx.get(f"{served}/health", headers={"x-origin-secret": SECRET})
    assert (well.status_code, well.json()["function"]) == (200, name)
    assert "server" not in well.headers


def test_a_stream_is_passed_on_piece_by_piece(
    tmp_path: Path, stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The first words arrive while the call is still running, and the end of the call is charged."""
    user = new_user("pro", 500)
    provider.fail({"kind": "drip", "seconds": 0.05})
    headers = {
        "apikey": stack.publishable_key,
        "authorization": f"Bearer {user.access_token}",
        "x-origin-secret": SECRET,
    }
    guarded = {"ORIGIN_SECRET": SECRET, "ORIGIN_SECRET_REQUIRED": "true"}
    body, books = orchestrated(stream=True), Books(database, user)
    with (
        serving("generate-ai-content", tmp_path, stack.env | guarded) as served,
        httpx.stream("POST", served, json=body, headers=headers, timeout=60) as reply,
    ):
        states = [
            (json.loads(line.removeprefix("data: "))["type"], books.requests()[0]["state"])
            for line in reply.iter_lines()
            if line
        ]
    assert states[0][0] == "meta"
    assert ("delta", "held") in states
    assert states[-1] == ("done", "settled")
    assert books.energy() == 490


async def test_connections_are_open_before_the_first_request(tmp_path: Path, stack: Stack) -> None:
    """The port opens when the public keys have been read, so the first caller does not wait for them."""
    port, was_up = free_port(), list[bool]()

    async def looking_at_the_port(wire: Wire, seen: Seen, request: Request) -> Response:
        was_up.append(await asyncio.to_thread(is_up, f"http://127.0.0.1:{port}"))
        return await pass_on(wire, seen, request)

    async with wire_before(stack.url) as wire:
        wire.meet("jwks.json", looking_at_the_port)
        served = serving("public-chatbot-chat", tmp_path, stack.env | {"SUPABASE_URL": wire.url}, port)
        await asyncio.to_thread(served.__enter__)
        await asyncio.to_thread(served.__exit__, None, None, None)
        assert (wire.names(), was_up) == (["jwks.json"], [False])
