"""The Lambda of the schedule: the sweep, once a minute."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from shared.lambda_.worker import platform_deadline
from shared.log import configure
from shared.services import build_services
from shared.settings import Settings
from shared.sweep import sweep

MOST_SECONDS = 50.0

settings = Settings.from_env(os.environ)
configure(settings.log_level)
services = build_services(settings)
# One for the life of the process: connections outlive an invocation, and with them the loop they were made on.
loop = asyncio.new_event_loop()


def handler(_event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:  # noqa: ANN401  # the platform's own
    """Return the counts."""
    return loop.run_until_complete(sweep(services, platform_deadline(context, MOST_SECONDS)))
