"""The Lambda handler of the schedule: the sweep, once a minute."""

import asyncio
from collections.abc import Mapping
from typing import Any

from shared.lambda_.worker import platform_deadline, services_of_process
from shared.sweep import sweep

MAX_SECONDS = 50.0

services = services_of_process()
# One loop per process: connections outlive an invocation and are bound to their loop.
loop = asyncio.new_event_loop()


def handler(_event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:  # noqa: ANN401  # the platform's own
    """Return the counts of one sweep."""
    return loop.run_until_complete(sweep(services, platform_deadline(context, MAX_SECONDS)))
