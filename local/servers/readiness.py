"""Waits until a child process is ready."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from local.problem import Problem
from local.servers.ports import accepts
from local.servers.processes import Child

READY_SECONDS = 60.0


def wait_for_port(child: Child, port: int, log: Path) -> None:
    """Return when the child listens on the port.

    Raises:
        Problem: when it ends or takes too long.
    """
    wait(child, log, lambda: accepts(port))


def wait_for_answer(child: Child, url: str, log: Path) -> None:
    """Return when the child answers at the address.

    Raises:
        Problem: when it ends or takes too long.
    """
    wait(child, log, lambda: answers(url))


def wait(child: Child, log: Path, ready: Callable[[], bool]) -> None:
    """Return when the child is ready."""
    give_up = time.monotonic() + READY_SECONDS
    while not ready():
        if child.process.poll() is not None:
            raise Problem(f"{child.name} ended while starting: see {log}.")
        if time.monotonic() > give_up:
            raise Problem(f"{child.name} was not ready after {READY_SECONDS:.0f} s: see {log}.")
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Return whether a request gets a reply, with any status."""
    try:
        httpx.get(url, timeout=1, trust_env=False)
    except httpx.TransportError:
        return False
    return True
