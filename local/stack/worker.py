"""Works off the queues in one process, as the workers and the schedule of the cloud do: `python -m local.stack.worker`.

With `--sweep` it also runs the sweep, as the schedule does.
"""

import asyncio
import importlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.servers import queues
from shared.deadline import Deadline
from shared.errors import NexscoutError
from shared.lambda_.worker import WorkOn
from shared.log import configure, log_event
from shared.services import Services, build_services
from shared.settings import Settings
from shared.sweep import LOST_AFTER_SECONDS, sweep

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

WAIT_SECONDS = 10
"""Seconds that one look at an empty queue takes; a message ends it."""

SWEEP_SECONDS = 30.0
MOST_SWEEP_SECONDS = 20.0


@dataclass(frozen=True)
class Line:
    """A queue, the function that handles its messages, how many at a time, and the seconds that each may take."""

    queue_url: str
    function: str
    work_on: WorkOn
    at_once: int
    max_seconds: float


def lines(settings: Settings) -> list[Line]:
    """Return the queues to work off; a function that cannot be loaded does not stop the others."""
    wanted = [
        (settings.job_queue_url, "generate_ai_content", 4, settings.job_timeout_seconds),
        (settings.scan_queue_url, "scan_processor_v2", 2, settings.scan_timeout_seconds),
    ]
    found = []
    for url, function, at_once, max_seconds in wanted:
        try:
            work_on: WorkOn = importlib.import_module(f"functions.{function}.worker").work_on
        except Exception as error:  # noqa: BLE001  # whatever the import of a function raises
            log_event("worker.broken", level=logging.ERROR, function=function, error=error)
            continue
        if url is not None:
            found.append(Line(url, function, work_on, at_once, max_seconds))
    return found


async def work_off(lines: Sequence[Line], services: Services, sqs: "SQSClient") -> None:
    """Work for ever; a message does not wait for the work on another, which may take minutes."""
    async with asyncio.TaskGroup() as tasks:
        for line in lines:
            tasks.create_task(_work_off(line, services, sqs))


async def _work_off(line: Line, services: Services, sqs: "SQSClient") -> None:
    free = asyncio.Semaphore(line.at_once)
    async with asyncio.TaskGroup() as tasks:
        while True:
            await free.acquire()
            received = await asyncio.to_thread(
                sqs.receive_message, QueueUrl=line.queue_url, WaitTimeSeconds=WAIT_SECONDS
            )
            messages = received.get("Messages", [])
            if not messages:
                free.release()
            for message in messages:
                task = tasks.create_task(_work_on(message, line, services, sqs))
                task.add_done_callback(lambda _: free.release())


async def _work_on(message: "MessageTypeDef", line: Line, services: Services, sqs: "SQSClient") -> None:
    """Handle a message and delete it from the queue; if either fails, the message stays and is received again."""
    try:
        await line.work_on(json.loads(message["Body"]), services, Deadline.starting(line.max_seconds))
        await asyncio.to_thread(
            sqs.delete_message, QueueUrl=line.queue_url, ReceiptHandle=message["ReceiptHandle"]
        )
    except Exception as error:  # noqa: BLE001  # as the platform: whatever fails comes again
        log_event("worker.failed", level=logging.WARNING, function=line.function, error=error)


async def sweep_often(services: Services, *, again: bool) -> None:
    """Send messages for work that waited before this start, for the queues were empty then; repeat it if asked to."""
    waited_seconds = 0
    while True:
        try:
            await sweep(services, Deadline.starting(MOST_SWEEP_SECONDS), waited_seconds)
        except NexscoutError as error:
            log_event("worker.not_swept", level=logging.WARNING, code=error.code)
        if not again:
            return
        waited_seconds = LOST_AFTER_SECONDS
        await asyncio.sleep(SWEEP_SECONDS)


async def work(settings: Settings, *, sweeping: bool) -> None:
    """Run all of it for ever."""
    services = build_services(settings)
    sqs = queues.client(os.environ["AWS_ENDPOINT_URL_SQS"])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work_off(lines(settings), services, sqs))
        tasks.create_task(sweep_often(services, again=sweeping))


def main() -> None:
    """Run until the process is ended."""
    settings = Settings.from_env(os.environ)
    configure(settings.log_level)
    asyncio.run(work(settings, sweeping="--sweep" in sys.argv[1:]))


if __name__ == "__main__":
    main()
