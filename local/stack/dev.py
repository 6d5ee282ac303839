"""`nexscout dev`: the whole system until Ctrl-C."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx
from rich.console import Console

from local.problem import Problem
from local.project import PROJECT
from local.stack.banner import banner
from local.stack.progress import Progress, Stopped
from local.stack.requestlog import line_for
from local.stack.stack import Stack

FOLDER = PROJECT / ".local"


def run(port: int, *, reset: bool) -> int:
    """Start, show the functions' output, and stop on Ctrl-C, SIGTERM or a closed terminal.

    Return 0 when it was stopped by the user, 1 when a part of the stack ended by itself.

    Raises:
        Problem: when it cannot start.
    """
    console = Console(highlight=False, soft_wrap=True)
    stop = threading.Event()
    with only_one(FOLDER), set_by_signals(stop):
        try:
            return run_stack(console, stop, port, reset=reset)
        except (Stopped, Problem):
            # The same Ctrl-C may end a part that is still starting; that is not an error of the part.
            if not stop.is_set():
                raise
            console.print("Stopped.")
            return 0


def run_stack(console: Console, stop: threading.Event, port: int, *, reset: bool) -> int:
    """Start the stack, then wait until `stop` is set or a part of it ends; return the exit code."""
    began = time.monotonic()
    progress = Progress(console, stop)
    with progress, Stack(FOLDER, port=port, report=progress, piped=True, sweeping=True, reset=reset) as stack:
        progress.close()
        console.print(banner(stack, time.monotonic() - began))
        warn_of_broken(stack, console)
        threading.Thread(target=follow, args=(stack, console), daemon=True).start()
        ended = stay(stack, stop)
        console.print(ended or "Stopping …")
    console.print("Stopped.")
    return 1 if ended else 0


def warn_of_broken(stack: Stack, console: Console) -> None:
    """Report which functions did not load; the others are served."""
    states: dict[str, str] = httpx.get(stack.url, timeout=10).json()["functions"]
    for name, state in states.items():
        if state != "ready":
            console.print(
                f"The function {name} did not load: {state} (see {stack.logs}/functions.log)\n", markup=False
            )


def follow(stack: Stack, console: Console) -> None:
    """Show the functions' output as it arrives, and write all of it to the log file."""
    output = stack.gateway_output
    with (stack.logs / "functions.log").open("a") as log:
        for raw in output:
            text = raw.decode(errors="replace")
            log.write(text)
            log.flush()
            if line := line_for(text):
                console.print(line, markup=False)


def stay(stack: Stack, stop: threading.Event) -> str | None:
    """Wait until `stop` is set (None), or until a part of the stack ends: then return the message that says so."""
    while not stop.wait(0.5):
        for child in stack.children.ended():
            return f"{child.name} ended by itself (see {stack.logs}); stopping the rest."
    return None


@contextmanager
def set_by_signals(stop: threading.Event) -> Iterator[None]:
    """Set `stop` on Ctrl-C, SIGTERM and SIGHUP; further signals have no effect while everything stops."""

    def tell(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, tell) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock.

    Raises:
        Problem: when another process holds it.
    """
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            sentence = f"this folder's stack already runs (process {holder}): stop that one first."
            raise Problem(sentence) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
