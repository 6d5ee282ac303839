"""The file of NAME=value lines from which people and tools read the addresses and keys of the running stack."""

import os
from collections.abc import Mapping
from pathlib import Path

from local.problem import Problem


def write(path: Path, values: Mapping[str, str]) -> None:
    """Write the lines, readable only by their owner; a shell can source them unchanged."""
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    scratch = path.with_suffix(".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    scratch.replace(path)


def read(path: Path) -> dict[str, str]:
    """Return the values of a running stack.

    Raises:
        Problem: when no stack has been started here.
    """
    if not path.exists():
        raise Problem("no stack has been started in this folder: run `make dev` in another terminal first.")
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def without_other_projects(caller: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment without variables that point to another project or another database."""
    foreign = ("PG", "AWS_", "SUPABASE_", "DATABASE_URL", "NEXSCOUT_")
    return {name: value for name, value in caller.items() if not name.startswith(foreign)}
