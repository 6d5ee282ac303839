"""The processes and the data of a killed process are removed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.project import PROJECT
from local.servers.guard import Guard
from local.servers.processes import started_at
from tests.proofs.wait import wait_until

PATIENCE_SECONDS = 30
OWNER = """
import signal, sys
from pathlib import Path
from local.servers.guard import Guard
from local.servers.postgres import Postgres
from local.servers.processes import Children
folder = Path(sys.argv[1])
children, postgres = Children(folder / "processes.json"), Postgres(folder / "postgres", ephemeral=True)
guard = Guard(children.record, postgres.root)
postgres.start(children, folder / "log")
print(postgres.root, flush=True)
signal.pause()
"""


@pytest.mark.parametrize("killed", [signal.SIGTERM, signal.SIGKILL])
def test_server_and_data_of_a_killed_process_are_removed(tmp_path: Path, killed: signal.Signals) -> None:
    """This works without any clean-up in the killed process."""
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        data = Path(owner.stdout.readline().strip())
        [server] = map(int, json.loads((tmp_path / "processes.json").read_text()))
        assert (data.exists(), started_at(server) != "") == (True, True)
        owner.send_signal(killed)
    assert owner.returncode == -killed
    wait_until(lambda: not data.exists() and not started_at(server), PATIENCE_SECONDS)


def test_guard_of_what_has_stopped_ends_with_it(tmp_path: Path) -> None:
    """No end of its pipe stays open in this process, and no process waits for the other."""
    guard = Guard(tmp_path / "processes.json", tmp_path / "data")
    guard.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(guard.pid, os.WNOHANG)
    with pytest.raises(OSError, match="Bad file descriptor"):
        guard.close()
