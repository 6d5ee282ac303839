"""The process that works off all queues of the laptop."""

import asyncio

from functions.generate_ai_content.worker import work as generate
from functions.scan_processor_v2.worker import work as scan
from local.stack import Stack
from local.worker import work_for_ever, workers
from shared.errors import ServiceUnavailable
from shared.services import Services
from tests.apps import services_on


def test_every_function_with_a_queue_is_worked_for() -> None:
    """Found by their files, in order of their names."""
    assert workers() == [generate, scan]


async def test_a_function_does_not_wait_for_the_long_work_of_another(stack: Stack) -> None:
    """One works for ever, one cannot reach the database at first; the third goes on and on."""
    turns = {"failing": 0, "quick": 0}
    enough = asyncio.Event()

    async def long(_services: Services) -> int:
        await asyncio.Event().wait()
        return 1

    async def failing(_services: Services) -> int:
        turns["failing"] += 1
        raise ServiceUnavailable

    async def quick(_services: Services) -> int:
        turns["quick"] += 1
        await asyncio.sleep(0)
        if turns["quick"] == 5:
            enough.set()
            await asyncio.Event().wait()
        return 1

    async with services_on(stack) as services:
        working = asyncio.create_task(work_for_ever(services, [long, failing, quick]))
        await asyncio.wait_for(enough.wait(), 10)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert turns == {"failing": 1, "quick": 5}
