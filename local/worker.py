"""Works off the queues of all functions in one process, as the workers of the cloud do."""

import asyncio
import importlib
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from shared.errors import NexscoutError
from shared.log import configure, log_event
from shared.services import Services, build_services
from shared.settings import Settings

FUNCTIONS = Path(__file__).resolve().parent.parent / "functions"
IDLE_SECONDS = 0.5

Work = Callable[[Services], Awaitable[int]]


def workers() -> list[Work]:
    """Give the `work` of every function that has a worker; one that cannot be loaded takes no other down."""
    found: list[Work] = []
    for path in sorted(FUNCTIONS.glob("*/worker.py")):
        try:
            found.append(importlib.import_module(f"functions.{path.parent.name}.worker").work)
        except Exception as error:  # noqa: BLE001  # whatever the import of a function raises
            log_event("worker.broken", level=logging.ERROR, function=path.parent.name, error=error)
    return found


async def work_for_ever(services: Services, works: Sequence[Work]) -> None:
    """Do what waits; no function waits for the work of another, which may take minutes."""
    await asyncio.gather(*(_do_again_and_again(work, services) for work in works))


async def _do_again_and_again(work: Work, services: Services) -> None:
    """Do what waits, and look again shortly when nothing does."""
    while True:
        claimed = 0
        try:
            claimed = await work(services)
        except NexscoutError as error:
            log_event("worker.failed", level=logging.WARNING, code=error.code)
        if claimed == 0:
            await asyncio.sleep(IDLE_SECONDS)


def main() -> None:
    """Run until the process is ended."""
    settings = Settings.from_env(os.environ)
    configure(settings.log_level)
    asyncio.run(work_for_ever(build_services(settings), workers()))


if __name__ == "__main__":
    main()
