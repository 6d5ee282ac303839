"""Worker processes of generate-ai-content against a stack, for load and kills."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from local.servers.ports import listen
from local.servers.processes import started_at
from local.servers.readiness import READY_SECONDS
from local.stack.stack import Stack
from tests.proofs.wait import wait_until


@dataclass
class Worker:
    """One process and its listening socket; the socket outlives it, so that callers queue for the next one."""

    pid: int
    listener: socket.socket

    @property
    def port(self) -> int:
        """Return its port."""
        return int(self.listener.getsockname()[1])


class Workers:
    """Starts workers, kills them without warning, and replaces them."""

    def __init__(self, server: subprocess.Popen[str], listeners: list[socket.socket]) -> None:
        self._server = server
        self.running = [Worker(self._fork(listener), listener) for listener in listeners]

    def ports(self) -> list[int]:
        """Return their ports."""
        return [worker.port for worker in self.running]

    def kill(self, index: int) -> None:
        """`kill -9` one worker, and let a new one take over its socket."""
        worker = self.running[index]
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: not started_at(worker.pid), READY_SECONDS)
        worker.pid = self._fork(worker.listener)

    def renew(self) -> None:
        """Let every worker finish its calls, and replace it."""
        self.finish()
        for worker in self.running:
            worker.pid = self._fork(worker.listener)

    def finish(self) -> None:
        """Let every worker finish its calls."""
        for worker in self.running:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGTERM)
        wait_until(lambda: not any(started_at(worker.pid) for worker in self.running), READY_SECONDS)

    def _fork(self, listener: socket.socket) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{listener.fileno()}\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


@contextmanager
def workers(stack: Stack, count: int, log: Path) -> Iterator[Workers]:
    """Yield `count` workers on separate ports; their output goes to the log."""
    listeners = [listen(0) for _ in range(count)]
    # Without the gateway, which is another process and would hide a dead worker behind a 502.
    env = stack.function_environment() | {"SUPABASE_URL": stack.upstream_url, "LOG_LEVEL": "ERROR"}
    with log.open("ab") as sink:
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.proofs.fork_server"],
            cwd=stack.project,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            pass_fds=[listener.fileno() for listener in listeners],
            start_new_session=True,
        )
    running = Workers(server, listeners)
    try:
        yield running
    finally:
        running.finish()
        assert server.stdin is not None
        server.stdin.close()
        server.wait(READY_SECONDS)
        assert server.stdout is not None
        server.stdout.close()
        for listener in listeners:
            listener.close()
