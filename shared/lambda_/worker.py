"""A Lambda that works off messages of a queue: each for itself, and those that failed come again."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    AsyncBatchProcessor,
    EventType,
    async_process_partial_response,
)

from shared.deadline import Deadline
from shared.http.app import PLATFORM_MARGIN_MS
from shared.log import configure
from shared.services import Services, build_services
from shared.settings import Settings
from shared.snapshot import open_for_platform

WorkOn = Callable[[Mapping[str, Any], Services, Deadline], Awaitable[None]]
"""Does the work that a message names; raises where the message must come again."""

Handler = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]


def queue_entry(work_on: WorkOn, most_seconds: Callable[[Settings], float]) -> Handler:
    """Return the handler of a queue as the environment says; a message may take `most_seconds` of its settings.

    Raises:
        SettingsError: the environment cannot be used.
    """
    services = services_of_process()
    handler = queue_handler(work_on, services, most_seconds(services.settings))
    open_for_platform(services)
    return handler


def services_of_process() -> Services:
    """Return what the environment asks for, where no app is built that would see to the log."""
    settings = Settings.from_env(os.environ)
    configure(settings.log_level)
    return build_services(settings)


def queue_handler(work_on: WorkOn, services: Services, most_seconds: float) -> Handler:
    """Return the handler; its answer names the messages that must come again."""
    processor = AsyncBatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    # One for the life of the process: connections outlive an invocation, and with them the loop they were made on.
    asyncio.set_event_loop(asyncio.new_event_loop())

    async def work_on_record(record: Mapping[str, Any], lambda_context: Any) -> None:  # noqa: ANN401
        await work_on(json.loads(record["body"]), services, platform_deadline(lambda_context, most_seconds))

    def handler(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:  # noqa: ANN401
        failures: Mapping[str, Any] = async_process_partial_response(
            dict(event), work_on_record, processor, context
        )
        return failures

    return handler


def platform_deadline(context: Any, most_seconds: float) -> Deadline:  # noqa: ANN401
    """Begin the budget of an invocation: what is wanted, or what the platform leaves, whichever is less."""
    remaining_ms = max(0, context.get_remaining_time_in_millis() - PLATFORM_MARGIN_MS)
    return Deadline.starting(most_seconds, remaining_ms)
