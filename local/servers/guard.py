"""Ends what must not outlive the process that started it: `python -m local.servers.guard <fd> <record> <folder>`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.project import PROJECT
from local.servers.processes import Children


class Guard:
    """Watches this process from another one, which ends the children of a record and removes a folder after it.

    It does so however this process ends, killed too. Its own children hold no end of the pipe by which it is watched.
    """

    def __init__(self, record: Path, folder: Path) -> None:
        watched, self._held = os.pipe()
        # It leans on nothing that is installed: without -S its start would take twice as long.
        command = [sys.executable, "-S", "-m", "local.servers.guard", str(watched), str(record), str(folder)]
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[watched],
        )
        os.close(watched)

    @property
    def pid(self) -> int:
        """Return the id of the process that watches."""
        return self._process.pid

    def close(self) -> None:
        """End the watch, now that everything has stopped."""
        os.close(self._held)
        self._process.wait()


def main() -> None:
    """Wait for the end of the process that holds the other end of the pipe, then tidy up after it."""
    watched, record, folder = sys.argv[1:]
    os.read(int(watched), 1)
    Children(Path(record)).stop_orphans()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
