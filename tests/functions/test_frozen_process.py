"""A process that the platform freezes between invocations, for any time."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.commands.invoke import api_gateway_event
from local.project import PROJECT
from local.stack.stack import Stack
from tests.books import Books
from tests.calls import URL, orchestrated
from tests.conftest import Database, NewUser
from tests.provider import Provider

SQS = {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": "{}"}]}


class Relay:
    """A port that passes bytes on to another, until all its connections are closed."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._open: set[asyncio.StreamWriter] = set()
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Relay"]:
        """Listen on a free loopback port."""
        async with await asyncio.start_server(self._connect, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self
            self.cut()

    def cut(self) -> int:
        """Close every connection, as servers and routers do with idle ones; return their number."""
        ended = len(self._open)
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()
        return ended

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._open.add(writer)
        with suppress(OSError):
            await asyncio.gather(_pass(reader, back), _pass(there, writer))


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(65_536):
            sink.write(chunk)
            await sink.drain()
    finally:
        sink.close()


class Process:
    """The function's process."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    async def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one event."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(event).encode() + b"\n")
        async with asyncio.timeout(60):
            answer: dict[str, Any] = json.loads(await self._child.stdout.readline())
        return answer

    def freeze(self) -> None:
        """Stop the process with a signal."""
        self._child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue it."""
        self._child.send_signal(signal.SIGCONT)


@asynccontextmanager
async def process(stack: Stack, supabase: Relay, provider: Relay) -> AsyncIterator[Process]:
    """Start a process whose connections go through the relays."""
    env = {**stack.env, "SUPABASE_URL": supabase.url, "OPENAI_BASE_URL": f"{provider.url}/v1"}
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.functions.invocations", env=env, cwd=PROJECT, stdin=pipe, stdout=pipe,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Process(child)
    finally:
        child.kill()
        await child.wait()


@pytest.mark.parametrize("between", ["nothing", "a queue's event"])
async def test_fault_21_a_frozen_process_serves_its_next_invocation(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider, between: str
) -> None:
    """Its connections were closed meanwhile, and events of another kind came between (fault 21)."""
    user = new_user(energy=500)
    headers = {
        "apikey": stack.publishable_key,
        "authorization": f"Bearer {user.access_token}",
        "content-type": "application/json",
    }
    event = api_gateway_event(URL, headers, json.dumps(orchestrated(retryAttempts=0, allowFallback=False)))
    async with (
        Relay(stack.upstream_url).serving() as supabase,
        Relay(stack.provider_url).serving() as model,
        process(stack, supabase, model) as function,
    ):
        for _ in range(5):
            answer = await function.invoke(event)
            assert answer.get("statusCode") == 200, answer
            if between == "a queue's event":
                await function.invoke(SQS)
            function.freeze()
            assert (supabase.cut(), model.cut()) != (0, 0)
            function.thaw()
    assert (Books(database, user).energy(), len(provider.requests())) == (450, 5)
