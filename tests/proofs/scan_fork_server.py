"""Imports the scan's worker once, forks one for each line of its standard input, and prints its process id.

A start costs milliseconds instead of seconds, and a worker can be killed like any other process.
"""

import asyncio
import os
import signal
import sys

import boto3  # noqa: F401  # a worker would spend half a second on each of them before its first call
import openai  # noqa: F401

from local.stack.worker import work
from shared.log import configure
from shared.settings import Settings


def forked() -> int:
    """Fork a worker; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        settings = Settings.from_env(os.environ)
        # The standard output is only for the replies.
        configure(settings.log_level, sys.stderr)
        asyncio.run(work(settings, sweeping=False))
    finally:
        os._exit(0)


def main() -> None:
    """Fork on demand; nothing waits for workers that ended, and the remaining ones end with the input."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    workers = []
    for _ in sys.stdin:
        workers.append(forked())
        print(workers[-1], flush=True)  # noqa: T201  # the answer to the one who asked
    for pid in workers:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
