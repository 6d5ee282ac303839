"""`nexscout config check` from a user's view."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import environment
from local.project import PROJECT
from local.stack.stack import Stack
from tests.conftest import Database


@pytest.fixture
def env_file(stack: Stack, tmp_path: Path) -> Path:
    """Return the file of the running stack."""
    environment.write(tmp_path / "env", stack.env)
    return tmp_path / "env"


def check(env_file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command and return its result."""
    command = [
        sys.executable,
        "-m",
        "local.commands.cli",
        "config",
        "check",
        "--env-file",
        str(env_file),
        *options,
    ]
    return subprocess.run(
        command, cwd=PROJECT, env=os.environ | {"COLUMNS": "120"}, capture_output=True, text=True, check=False
    )


def test_a_filled_in_workspace_ends_with_0(env_file: Path) -> None:
    """The demo workspace has everything."""
    ended = check(env_file)
    assert (ended.returncode, ended.stdout.count("there"), "missing" in ended.stdout) == (0, 4, False)


def test_a_missing_section_is_named_with_what_follows(
    env_file: Path, stack: Stack, database: Database
) -> None:
    """A missing section is reported with its effect, and the exit code is 1."""
    other = stack.env["OTHER_USER_ID"]
    database.execute("update public.products set active = false where user_id = %s", [other])
    ended = check(env_file, "--as", "other")
    database.execute("update public.products set active = true where user_id = %s", [other])
    assert (ended.returncode, "texts name no product and no price" in ended.stdout) == (1, True)


def test_an_identity_without_a_workspace_gets_an_error(env_file: Path) -> None:
    """A service key has no workspace."""
    ended = check(env_file, "--as", "service")
    assert (ended.returncode, ended.stderr) == (
        1,
        "nexscout: --as service has no workspace: choose demo or other.\n",
    )
