"""Work that is finished although whoever waited for it has gone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def run_to_completion(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end although the caller is cancelled: money is never left half done.

    Both kinds of cancellation are kept away: a task's own, and that of an anyio scope, which comes again and again.
    """
    task = asyncio.get_running_loop().create_task(work)
    with anyio.CancelScope(shield=True):
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise
    raise AssertionError  # pragma: no cover  # the shielded scope never ends a block
