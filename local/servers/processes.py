"""The child processes of one stack: started with output to a log, stopped in order, and found again after a crash."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 8.0
PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to start and how."""

    name: str
    command: Sequence[str | Path]
    log: Path
    env: Mapping[str, str]
    cwd: Path
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    pass_fds: Sequence[int] = ()
    piped: bool = False


@dataclass
class Child:
    """One running process and the signal that stops it."""

    name: str
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals

    def stop(self, patience_seconds: float = STOP_SECONDS) -> None:
        """Send the stop signal, wait, and kill the process if it does not end; it may have ended already."""
        with suppress(ProcessLookupError):
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            kill_group(self.process.pid)
            self.process.wait()


class Children:
    """Starts processes outside the terminal's process group, so that Ctrl-C reaches only their owner.

    `record` stores their ids, starts and stop signals on disk: the next stack ends the processes of a killed one.
    """

    def __init__(self, record: Path) -> None:
        self.record = record
        self._children: list[Child] = []

    def start(self, program: Program) -> Child:
        """Start one process; its stderr, and its stdout unless it is `piped`, go to the log."""
        with program.log.open("ab") as sink:
            process = subprocess.Popen(
                [str(part) for part in program.command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if program.piped else sink,
                stderr=sink,
                env=dict(program.env),
                cwd=program.cwd,
                user=program.user,
                start_new_session=True,
                pass_fds=program.pass_fds,
            )
        child = Child(program.name, process, program.stop_signal)
        self._children.append(child)
        self._write_record()
        return child

    def ended(self) -> list[Child]:
        """Return the children that ended without being stopped."""
        return [child for child in self._children if child.process.poll() is not None]

    def stop(self, child: Child) -> None:
        """Stop one of them."""
        child.stop()
        self._children.remove(child)
        self._write_record()

    def stop_all(self) -> None:
        """Stop all of them in reverse order of their start: each depends on those before it."""
        for child in reversed(self._children):
            child.stop()
        self._children.clear()
        self.record.unlink(missing_ok=True)

    def _write_record(self) -> None:
        known = {
            child.process.pid: (started_at(child.process.pid), child.stop_signal) for child in self._children
        }
        self.record.write_text(json.dumps(known))

    def stop_orphans(self) -> None:
        """End the processes of an earlier stack; an id that another process uses now is left alone."""
        if not self.record.exists():
            return
        known = json.loads(self.record.read_text() or "{}")
        for pid, (started, stop_signal) in reversed(known.items()):
            if started and started_at(int(pid)) == started:
                end(int(pid), started, stop_signal)
        self.record.unlink()


def started_at(pid: int) -> str:
    """Return when a running process started, as the system prints it; empty if it does not run or it is unknown.

    A zombie process, which its parent has not waited for, counts as not running.
    """
    state, began = from_proc(pid) if PROC.exists() else from_ps(pid)
    return "" if state.startswith("Z") else began


def from_proc(pid: int) -> tuple[str, str]:
    """Return state and start from Linux's /proc, with no program needed."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "", ""
    return fields[0], fields[19]


def from_ps(pid: int) -> tuple[str, str]:
    """Return state and start from `ps`, on macOS."""
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    state, _, began = listing.stdout.strip().partition(" ")
    return state, began.strip()


def end(pid: int, started: str, stop_signal: int) -> None:
    """Send its stop signal to a process that is not our child, and kill its group if it does not end."""
    with suppress(ProcessLookupError):
        os.kill(pid, stop_signal)
    give_up = time.monotonic() + STOP_SECONDS
    while started_at(pid) == started and time.monotonic() < give_up:
        time.sleep(0.05)
    if started_at(pid) == started:
        kill_group(pid)


def kill_group(pid: int) -> None:
    """Kill a process and all processes that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
