"""Imports the scan's worker once and forks one for each line of its standard input; tells its process id.

A start costs milliseconds instead of seconds, and a worker is a process like any other, to be killed as one.
"""

import asyncio
import os
import signal
import sys

import openai  # noqa: F401  # a worker would spend half a second on it before its first call

from functions.scan_processor_v2.worker import work
from shared.errors import NexscoutError
from shared.log import configure
from shared.services import build_services
from shared.settings import Settings

IDLE_SECONDS = 0.05


async def work_for_ever() -> None:
    """Do what waits, again and again."""
    settings = Settings.from_env(os.environ)
    # The standard output is for the answers alone.
    configure(settings.log_level, sys.stderr)
    services = build_services(settings)
    while True:
        try:
            claimed = await work(services)
        except NexscoutError:
            claimed = 0
        if claimed == 0:
            await asyncio.sleep(IDLE_SECONDS)


def forked() -> int:
    """Fork a worker; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        asyncio.run(work_for_ever())
    finally:
        os._exit(0)


def main() -> None:
    """Fork on demand; ended workers are not waited for by anybody, and those that are left end with the input."""
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
