"""`make mutation`: whether the tests notice each change of the money code."""

import shutil
import subprocess
import sys
from collections import Counter

from local.project import PROJECT

MIN_MUTANTS = 450
"""Fewer would mean that a file has left the list in pyproject.toml."""


def main() -> None:
    """Run all mutants; exit with 1 where one survived, or where there are too few."""
    shutil.rmtree(PROJECT / "mutants", ignore_errors=True)
    subprocess.run([sys.executable, "-m", "mutmut", "run", "--max-children", "2"], cwd=PROJECT, check=False)
    listed = subprocess.run(
        [sys.executable, "-m", "mutmut", "results", "--all", "true"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    states = dict(line.strip().rsplit(": ", 1) for line in listed.stdout.splitlines() if ": " in line)
    sys.exit(report(states))


def report(states: dict[str, str]) -> int:
    """Print the figures and every mutant that was not noticed; return the exit code."""
    alive = {name: state for name, state in states.items() if state not in {"killed", "timeout"}}
    for name, state in sorted(alive.items()):
        print(f"{name}: {state}")
    counts = ", ".join(f"{count} {state}" for state, count in sorted(Counter(states.values()).items()))
    print(f"{len(states)} mutants: {counts or 'none'}.")
    if len(states) < MIN_MUTANTS:
        print(f"At least {MIN_MUTANTS} are wanted: see only_mutate in pyproject.toml.")
    return int(bool(alive) or len(states) < MIN_MUTANTS)


if __name__ == "__main__":
    main()
