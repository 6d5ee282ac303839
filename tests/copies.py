"""Fresh copies of the project, set up without a package registry."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.project import PROJECT
from local.servers.guard import Guard
from local.servers.ports import free_port
from local.servers.postgres import Postgres

LEFT_OUT = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".local",
    "node_modules",
    "__pycache__",
    "*.egg-info",
    ".*_cache",
    ".hypothesis",
    ".coverage*",
)
SHIM = """#!/bin/sh
exec {python} {options} "$@"
"""


def bare_copy(folder: Path) -> Path:
    """Return a copy with only the project's files, as a clone has them."""
    shutil.copytree(PROJECT, folder, ignore=LEFT_OUT, dirs_exist_ok=True)
    return folder


def ready_copy(folder: Path) -> Path:
    """Return a copy that counts as set up: it uses this project's packages."""
    bare_copy(folder)
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    shim(programs / "python", "")
    # The framework looks for this name.
    shim(programs / "python3", "")
    shim(programs / "nexscout", "-m local.commands.cli")
    modules = folder / "node_modules"
    modules.mkdir()
    for entry in (PROJECT / "node_modules").iterdir():
        if entry.name != ".packages":
            (modules / entry.name).symlink_to(entry)
    stamp(folder, ".venv/.packages", "requirements/dev.lock")
    stamp(folder, ".venv/.project", "pyproject.toml")
    stamp(folder, "node_modules/.packages", "package.json package-lock.json")
    return folder


def shim(path: Path, options: str) -> None:
    """Write a program that runs this project's interpreter."""
    path.write_text(SHIM.format(python=sys.executable, options=options))
    path.chmod(0o755)


def stamp(folder: Path, name: str, sources: str) -> None:
    """Write the stamp that set-up writes after installing from these files."""
    subprocess.run(["sh", "-c", f"{{ pwd; cat {sources}; }} | cksum > {name}"], cwd=folder, check=True)


@contextmanager
def clone(folder: Path) -> Iterator[Path]:
    """Yield a ready copy whose data is removed at the end, wherever it was stored."""
    copy = ready_copy(folder)
    postgres = Postgres(folder / ".local" / "postgres", ephemeral=True)
    guard = Guard(folder / ".local" / "processes.json", postgres.root)
    try:
        yield copy
    finally:
        postgres.remove()
        guard.close()


@dataclass
class Dev:
    """A running `make dev`."""

    folder: Path
    port: int
    process: subprocess.Popen[str]
    shown: str

    def press_ctrl_c(self) -> None:
        """Interrupt it as a terminal does: every process in the foreground gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def rest(self) -> str:
        """Return what it prints until it ends."""
        said, _ = self.process.communicate(timeout=60)
        return said


@contextmanager
def dev(folder: Path, *arguments: str) -> Iterator[Dev]:
    """Run `make dev` on a free port until it is ready; stop it at the end if it still runs."""
    port = free_port()
    process = start_dev(folder, f"PORT={port}", *arguments)
    try:
        yield Dev(folder, port, process, read_until_ready(process))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)


def start_dev(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `make dev` in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        ["make", "dev", *arguments],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=own_environment(),
    )


def own_environment() -> dict[str, str]:
    """Return the caller's environment without a model provider and without make's own variables."""
    unwanted = ("OPENAI_", "MAKE", "MFLAGS", "PORT", "RESET", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def read_until_ready(process: subprocess.Popen[str]) -> str:
    """Return what `make dev` prints until it is ready."""
    assert process.stdout is not None
    shown = ""
    for line in process.stdout:
        shown += line
        if line.startswith("  -H 'Content-Type: application/json' -d"):
            return shown
    raise AssertionError(shown)
