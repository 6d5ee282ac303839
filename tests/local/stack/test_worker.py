"""The process that works off the queues of a stack."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.generate_ai_content.worker import work_on as generate
from functions.scan_processor_v2.worker import work_on as scan
from local.servers import queues
from local.stack.stack import Stack
from local.stack.worker import Line, lines, work_off
from shared.deadline import Deadline
from shared.errors import ServiceUnavailable
from shared.services import Services
from shared.settings import Settings
from tests.apps import services_on

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


@pytest.fixture
def sqs(stack: Stack) -> "SQSClient":
    """Return a client of the stack's queues."""
    return queues.client(stack.env["AWS_ENDPOINT_URL_SQS"])


@pytest.fixture
def queue_url(sqs: "SQSClient") -> Iterator[str]:
    """Yield a queue for this test, with a visibility timeout of one second."""
    url = sqs.create_queue(QueueName=f"test-{uuid4().hex}", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def test_both_queues_are_worked_off(stack: Stack) -> None:
    """Each queue's messages are handled by its own function."""
    found = lines(Settings.from_env(stack.env))
    assert [(line.function, line.work_on) for line in found] == [
        ("generate_ai_content", generate),
        ("scan_processor_v2", scan),
    ]


async def test_a_message_that_failed_comes_again_and_one_that_was_done_does_not(
    stack: Stack, sqs: "SQSClient", queue_url: str
) -> None:
    """One message hangs, one fails at first, one is not JSON: the others are handled, and failed ones come again."""
    seen: list[str] = []
    enough = asyncio.Event()

    async def work_on(message: Mapping[str, Any], _services: Services, _deadline: Deadline) -> None:
        seen.append(message["name"])
        if message["name"] == "hangs":
            await asyncio.Event().wait()
        if seen.count("failing") == 1 and message["name"] == "failing":
            raise ServiceUnavailable
        if seen.count("failing") >= 2 and "quick" in seen:
            enough.set()

    for body in ('{"name": "hangs"}', "no JSON", '{"name": "failing"}', '{"name": "quick"}'):
        sqs.send_message(QueueUrl=queue_url, MessageBody=body)
    line = Line(queue_url, "test", work_on, at_once=20, max_seconds=30)
    async with services_on(stack) as services:
        working = asyncio.create_task(work_off([line], services, sqs))
        await asyncio.wait_for(enough.wait(), 20)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert seen.count("quick") == 1


def test_a_queue_without_an_address_is_left_alone(stack: Stack) -> None:
    """A queue whose address is not set is not polled."""
    settings = Settings.from_env({k: v for k, v in stack.env.items() if k != "SCAN_QUEUE_URL"})
    assert [line.function for line in lines(settings)] == ["generate_ai_content"]


async def test_a_message_that_came_again_meanwhile_ends_nothing(
    stack: Stack, sqs: "SQSClient", queue_url: str
) -> None:
    """If a message was received again during its work, it cannot be deleted, and the worker continues."""
    seen: list[str] = []
    second = asyncio.Event()

    async def work_on(message: Mapping[str, Any], _services: Services, _deadline: Deadline) -> None:
        seen.append(message["name"])
        if len(seen) == 1:
            # Another worker has received the message again and deleted it.
            (again,) = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=5)["Messages"]
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=again["ReceiptHandle"])
            sqs.send_message(QueueUrl=queue_url, MessageBody='{"name": "second"}')
        else:
            second.set()

    sqs.send_message(QueueUrl=queue_url, MessageBody='{"name": "first"}')
    line = Line(queue_url, "test", work_on, at_once=1, max_seconds=30)
    async with services_on(stack) as services:
        working = asyncio.create_task(work_off([line], services, sqs))
        await asyncio.wait_for(second.wait(), 20)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert seen[:2] == ["first", "second"]
