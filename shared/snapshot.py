"""What a process opens before its first event, and again after a snapshot of it is restored."""

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
"""The limit for opening; a call opens later what is not open by then."""


def open_for_platform(services: Services, *later: str, env: Mapping[str, str] = os.environ) -> None:
    """Open what the first call needs if AWS Lambda runs this process; else do nothing.

    Before a snapshot no connection is opened, because none would survive it; the provider's SDK and the modules named
    by `later` are imported instead, so that no caller waits for them. To be called after the event loop is set.
    """
    # All objects of the start stay: the garbage collector need not look at them again.
    gc.freeze()
    gc.enable()
    if "awslambdaric" not in sys.modules:
        return
    if env.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        _open(services)
        return
    # Part of the platform's runtime.
    from snapshot_restore_py import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415
        register_after_restore,
    )

    services.providers.make()
    for module in later:
        import_module(module)
    register_after_restore(_restored, services)


def _restored(services: Services) -> None:
    # Without this, all processes of a snapshot would have the same jitter.
    random.seed()
    services.settings.secrets.expire()
    _open(services)


def _open(services: Services) -> None:
    """Open on the event loop that serves the events."""
    asyncio.get_event_loop().run_until_complete(_open_services(services))


@asynccontextmanager
async def while_serving(services: Services) -> AsyncIterator[None]:
    """The lifespan of a server: open the services before its first request, and close them after the last."""
    await _open_services(services)
    try:
        yield
    finally:
        await services.close()


async def _open_services(services: Services) -> None:
    """Read the secrets and the public keys; the latter opens a connection."""
    deadline = Deadline.starting(OPEN_SECONDS)
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await asyncio.gather(
                services.settings.secrets.current(), services.authenticator.prepare(deadline)
            )
    except (NexscoutError, TimeoutError):
        # The first call tries again, and reports its own error.
        return
