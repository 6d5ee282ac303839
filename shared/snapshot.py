"""What a process opens before its first event, and anew once a snapshot of it is restored."""

import asyncio
import gc
import os
import random
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module

from shared.deadline import Deadline
from shared.errors import NexscoutError
from shared.services import Services

OPEN_SECONDS = 1.0
"""The most that it may take: a call opens by itself what is not open."""


def open_for_platform(services: Services, *later: str, env: Mapping[str, str] = os.environ) -> None:
    """Open what the first call needs where the platform's own client runs this process; elsewhere do nothing.

    A process of which a snapshot is made opens no connection before it is restored: none would outlive that. It
    imports the provider's SDK instead, and the modules named as `later`, which a start leaves to the calls that need
    them: no caller then waits for either. Called once the event loop is set.
    """
    # What there is now stays: it is not looked through again.
    gc.freeze()
    gc.enable()
    if "awslambdaric" not in sys.modules:
        return
    if env.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        _open(services)
        return
    # The platform brings it, with its client.
    from snapshot_restore_py import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415
        register_after_restore,
    )

    services.providers.make()
    for module in later:
        import_module(module)
    register_after_restore(_restored, services)


def _restored(services: Services) -> None:
    # Every process of one snapshot would wait alike long between its retries.
    random.seed()
    services.settings.secrets.expire()
    _open(services)


def _open(services: Services) -> None:
    """Open on the loop that serves the events."""
    asyncio.get_event_loop().run_until_complete(_opened(services))


@asynccontextmanager
async def while_serving(services: Services) -> AsyncIterator[None]:
    """The life of a server: what its first request needs is opened before its port, and closed after its last."""
    await _opened(services)
    try:
        yield
    finally:
        await services.close()


async def _opened(services: Services) -> None:
    """Read the secrets, and the public keys, by which a connection opens too."""
    deadline = Deadline.starting(OPEN_SECONDS)
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await asyncio.gather(
                services.settings.secrets.current(), services.authenticator.prepare(deadline)
            )
    except (NexscoutError, TimeoutError):
        # The first call meets the same, with its own budget and its own answer.
        return
