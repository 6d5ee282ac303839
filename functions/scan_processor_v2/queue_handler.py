"""The worker on Lambda: messages of a queue, each naming a scan, or a schedule that takes whatever waits.

A message is `{"scanId": …}` and nothing more: the input stands in the database.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.batch import (
    AsyncBatchProcessor,
    EventType,
    async_process_partial_response,
)

from functions.scan_processor_v2.worker import work, work_on
from shared.app import PLATFORM_MARGIN_MS
from shared.deadline import Deadline
from shared.log import configure
from shared.services import build_services
from shared.settings import Settings

settings = Settings.from_env(os.environ)
configure(settings.log_level)
services = build_services(settings)
processor = AsyncBatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
# One for the life of the process: connections outlive an invocation, and with them the loop that they were made on.
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)


class NotDoneError(Exception):
    """The scan has to be gone on with: its message comes again."""


def handler(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:  # noqa: ANN401  # the platform's own
    """Give the messages that must come again; a scheduled event has none."""
    if "Records" not in event:
        loop.run_until_complete(work(services, _deadline(context)))
        return {"batchItemFailures": []}
    failures: Mapping[str, Any] = async_process_partial_response(
        dict(event), _work_on_message, processor, context
    )
    return failures


async def _work_on_message(record: Mapping[str, Any], lambda_context: Any) -> None:  # noqa: ANN401
    scan_id = UUID(json.loads(record["body"])["scanId"])
    if not await work_on(scan_id, services, _deadline(lambda_context)):
        raise NotDoneError


def _deadline(context: Any) -> Deadline:  # noqa: ANN401
    remaining_ms = max(0, context.get_remaining_time_in_millis() - PLATFORM_MARGIN_MS)
    return Deadline.starting(settings.scan_timeout_seconds, remaining_ms)
