"""The file with the addresses and keys of the stack."""

import subprocess
from pathlib import Path

import pytest

from local import environment
from local.problem import Problem


def test_written_values_are_read_back(tmp_path: Path) -> None:
    """Values survive, equals signs included."""
    environment.write(tmp_path / "env", {"A": "1", "B": "x=y"})
    assert environment.read(tmp_path / "env") == {"A": "1", "B": "x=y"}


def test_written_file_is_private(tmp_path: Path) -> None:
    """Only the owner can read the keys."""
    environment.write(tmp_path / "env", {"A": "1"})
    assert (tmp_path / "env").stat().st_mode & 0o077 == 0


def test_shell_sources_the_file(tmp_path: Path) -> None:
    """A shell reads the same values."""
    environment.write(tmp_path / "env", {"A": "postgresql://a:b@127.0.0.1:1/c", "B": "x=y"})
    shown = subprocess.run(
        ["sh", "-c", '. ./env; echo "$A $B"'], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "postgresql://a:b@127.0.0.1:1/c x=y\n"


def test_missing_file_error_says_to_start_the_stack(tmp_path: Path) -> None:
    """Without a stack the error names the command that starts it."""
    with pytest.raises(Problem, match="make dev"):
        environment.read(tmp_path / "env")


def test_variables_of_other_projects_are_left_out() -> None:
    """Exported keys of a hosted project never reach the local functions."""
    caller = {
        "PATH": "/bin",
        "SUPABASE_URL": "https://x",
        "PGHOST": "db",
        "DATABASE_URL": "d",
        "LOG_LEVEL": "DEBUG",
    }
    assert environment.without_other_projects(caller) == {"PATH": "/bin", "LOG_LEVEL": "DEBUG"}
