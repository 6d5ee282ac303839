"""`nexscout scans export` from a user's view."""

import csv
import io
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from local import environment
from local.commands.export import COLUMNS
from local.project import PROJECT
from local.stack.stack import Stack
from tests.conftest import Database


@pytest.fixture
def env_file(stack: Stack, tmp_path: Path) -> Path:
    """Return the file of the running stack."""
    environment.write(tmp_path / "env", stack.env)
    return tmp_path / "env"


@pytest.fixture
def scan_id(stack: Stack, database: Database) -> str:
    """Return a completed scan of the demo user with 1,001 results, more than a page."""
    scan_id = str(uuid.uuid4())
    database.execute(
        "insert into public.scans (id, user_id, status) values (%s, %s, 'completed')",
        [scan_id, stack.env["DEMO_USER_ID"]],
    )
    database.execute(
        "insert into public.scan_processed_items (scan_id, type, name, content, score, metadata, created_at)"
        " select %s, 'text', '=Person ' || n, 'need income', 58, %s, now() + n * interval '1 microsecond'"
        " from generate_series(1, 1001) n",
        [scan_id, Jsonb({"bucket": "warm", "phone": "+639171234567"})],
    )
    return scan_id


def export(env_file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command and return its result."""
    command = [
        sys.executable,
        "-m",
        "local.commands.cli",
        "scans",
        "export",
        "--env-file",
        str(env_file),
        *options,
    ]
    return subprocess.run(
        command, cwd=PROJECT, env=os.environ | {"COLUMNS": "120"}, capture_output=True, text=True, check=False
    )


def test_all_results_of_a_scan_are_written_in_order(env_file: Path, scan_id: str, tmp_path: Path) -> None:
    """Excel can read the file, and every cell is protected."""
    ended = export(env_file, scan_id, "--output", str(tmp_path / "results.csv"))
    assert ended.returncode == 0, ended.stderr
    text = (tmp_path / "results.csv").read_bytes().decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == COLUMNS
    assert [row[0] for row in rows] == [f"'=Person {number}" for number in range(1, 1002)]
    assert {row[COLUMNS.index("phone")] for row in rows} == {"'+639171234567"}


def test_another_users_scan_is_not_found(env_file: Path, scan_id: str) -> None:
    """The rows are read with the user's own rights."""
    ended = export(env_file, scan_id, "--as", "other")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"nexscout: there is no scan {scan_id}, or it is not other's.\n"


def test_an_identity_without_scans_gets_an_error(env_file: Path) -> None:
    """A service key owns no scans."""
    ended = export(env_file, str(uuid.uuid4()), "--as", "service")
    assert (ended.returncode, ended.stderr) == (
        1,
        "nexscout: --as service has no scans: choose demo or other.\n",
    )
