"""Work that is completed even if its caller is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def run_to_completion(work: Coroutine[Any, Any, T]) -> T:
    """Return the work's result; complete the work even if the caller is cancelled, so that money is consistent.

    It shields from both kinds of cancellation: a task's, and an anyio scope's, which is raised again and again.
    """
    task = asyncio.get_running_loop().create_task(work)
    with anyio.CancelScope(shield=True):
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise
    raise AssertionError  # pragma: no cover  # the shielded scope never ends a block
