"""Works off the queues of all functions in one process, as the workers of the cloud do."""

import asyncio
import importlib
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from shared.errors import NexscoutError
from shared.log import configure, log_event
from shared.services import Services, build_services
from shared.settings import Settings

FUNCTIONS = Path(__file__).resolve().parent.parent / "functions"
IDLE_SECONDS = 0.5

Work = Callable[[Services], Awaitable[int]]


def workers() -> list[Work]:
    """Give the `work` of every function that has a worker."""
    names = sorted(path.parent.name for path in FUNCTIONS.glob("*/worker.py"))
    return [importlib.import_module(f"functions.{name}.worker").work for name in names]


async def work_for_ever(services: Services) -> None:
    """Do what waits, and look again shortly when nothing does."""
    while True:
        claimed = 0
        for work in workers():
            try:
                claimed += await work(services)
            except NexscoutError as error:
                log_event("worker.failed", level=logging.WARNING, code=error.code)
        if claimed == 0:
            await asyncio.sleep(IDLE_SECONDS)


def main() -> None:
    """Run until the process is ended."""
    settings = Settings.from_env(os.environ)
    configure(settings.log_level)
    asyncio.run(work_for_ever(build_services(settings)))


if __name__ == "__main__":
    main()
