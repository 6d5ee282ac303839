"""Worker processes of the scan against a stack, to be killed; the stack's own worker is stopped meanwhile."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.servers.processes import started_at
from local.servers.readiness import READY_SECONDS
from local.stack.stack import Stack
from tests.proofs.wait import wait_until


@contextmanager
def without_worker(stack: Stack) -> Iterator[None]:
    """Suspend the stack's own worker, so that only the test's workers process messages."""
    os.kill(stack.worker_pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(stack.worker_pid, signal.SIGCONT)


class ScanWorkers:
    """Starts workers, kills them without warning, and replaces them."""

    def __init__(self, server: subprocess.Popen[str], count: int) -> None:
        self._server = server
        self._pids = [self._fork() for _ in range(count)]

    def __len__(self) -> int:
        return len(self._pids)

    def kill(self, index: int) -> None:
        """`kill -9` one worker."""
        pid = self._pids[index]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not started_at(pid), READY_SECONDS)

    def replace(self, index: int) -> None:
        """Start a new worker in place of a killed one."""
        self._pids[index] = self._fork()

    def _fork(self) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write("fork\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


@contextmanager
def scan_workers(stack: Stack, count: int, log: Path) -> Iterator[ScanWorkers]:
    """Yield `count` workers; their output goes to the log."""
    env = stack.function_environment() | {"SUPABASE_URL": stack.upstream_url, "LOG_LEVEL": "WARNING"}
    with without_worker(stack), log.open("ab") as sink:
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.proofs.scan_fork_server"],
            cwd=stack.project,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            start_new_session=True,
        )
        try:
            yield ScanWorkers(server, count)
        finally:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.close()
            server.wait(READY_SECONDS)
            server.stdout.close()
