"""The Lambda handler of a queue: each message is processed separately, and failed ones are delivered again."""

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
"""Does the work that a message names; raises if the message must be delivered again."""

Handler = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]


def queue_entry(work_on: WorkOn, max_seconds: Callable[[Settings], float]) -> Handler:
    """Return the handler of a queue, with settings from the environment; `max_seconds` reads the limit of a message.

    Raises:
        SettingsError: the environment cannot be used.
    """
    services = services_of_process()
    handler = queue_handler(work_on, services, max_seconds(services.settings))
    open_for_platform(services)
    return handler


def services_of_process() -> Services:
    """Return the services of a process without an app, and configure its log."""
    settings = Settings.from_env(os.environ)
    configure(settings.log_level)
    return build_services(settings)


def queue_handler(work_on: WorkOn, services: Services, max_seconds: float) -> Handler:
    """Return the handler; its reply lists the messages that must be delivered again."""
    processor = AsyncBatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    # One loop per process: connections outlive an invocation and are bound to their loop.
    asyncio.set_event_loop(asyncio.new_event_loop())

    async def work_on_record(record: Mapping[str, Any], lambda_context: Any) -> None:  # noqa: ANN401
        await work_on(json.loads(record["body"]), services, platform_deadline(lambda_context, max_seconds))

    def handler(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:  # noqa: ANN401
        failures: Mapping[str, Any] = async_process_partial_response(
            dict(event), work_on_record, processor, context
        )
        return failures

    return handler


def platform_deadline(context: Any, max_seconds: float) -> Deadline:  # noqa: ANN401
    """Return the deadline of an invocation: in `max_seconds`, or when the platform's time ends."""
    remaining_ms = max(0, context.get_remaining_time_in_millis() - PLATFORM_MARGIN_MS)
    return Deadline.starting(max_seconds, remaining_ms)
