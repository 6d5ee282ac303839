"""Ends what must not outlive the process that started it: `python -m local.servers.guard <fd> <record> <folder>`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.project import PROJECT
from local.servers.processes import Children


class Guard:
    """Watches this process from another one, which then ends the recorded children and removes a folder.

    This works however this process ends, even if it is killed. Its children do not inherit the pipe that watches it.
    """

    def __init__(self, record: Path, folder: Path) -> None:
        watched, self._held = os.pipe()
        # It uses no installed package: without -S its start would take twice as long.
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
        """Return the id of the watching process."""
        return self._process.pid

    def close(self) -> None:
        """End the watch when everything has stopped."""
        os.close(self._held)
        self._process.wait()


def main() -> None:
    """Wait for the end of the process at the other end of the pipe, then clean up after it."""
    watched, record, folder = sys.argv[1:]
    os.read(int(watched), 1)
    Children(Path(record)).stop_orphans()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
