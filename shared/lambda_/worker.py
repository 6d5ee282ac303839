"""A Lambda that works off messages of a queue: each for itself, and those that failed come again."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    AsyncBatchProcessor,
    EventType,
    async_process_partial_response,
)

from shared.deadline import Deadline
from shared.http.app import PLATFORM_MARGIN_MS
from shared.services import Services

WorkOn = Callable[[Mapping[str, Any], Services, Deadline], Awaitable[None]]
"""Does the work that a message names; raises where the message must come again."""

Handler = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]


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
