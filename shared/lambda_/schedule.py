"""The Lambda of the schedule: the sweep, once a minute."""

import asyncio
from collections.abc import Mapping
from typing import Any

from shared.lambda_.worker import platform_deadline, services_of_process
from shared.sweep import sweep

MOST_SECONDS = 50.0

services = services_of_process()
# One for the life of the process: connections outlive an invocation, and with them the loop they were made on.
loop = asyncio.new_event_loop()


def handler(_event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:  # noqa: ANN401  # the platform's own
    """Return the counts."""
    return loop.run_until_complete(sweep(services, platform_deadline(context, MOST_SECONDS)))
