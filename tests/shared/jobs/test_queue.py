"""Messages to workers: sent through the platform's queue; no request fails because a message fails."""

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from local.servers import queues
from local.stack.stack import Stack
from shared.deadline import Deadline
from shared.jobs.queue import WorkQueue
from tests.wire import hold, wire_before

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


@pytest.fixture
def sqs(stack: Stack) -> "SQSClient":
    """Return a client of the stack's queues."""
    return queues.client(stack.env["AWS_ENDPOINT_URL_SQS"])


async def test_a_message_names_the_work_and_nothing_more(stack: Stack, sqs: "SQSClient") -> None:
    """The message arrives as JSON, once, and contains only the id."""
    url = sqs.create_queue(QueueName=f"test-{uuid4().hex}")["QueueUrl"]
    assert await WorkQueue("test", url).send({"scanId": "a"}, Deadline.starting(10))
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"]) == {"scanId": "a"}
    assert stack.env["SCAN_QUEUE_URL"].startswith(stack.env["AWS_ENDPOINT_URL_SQS"])


async def test_a_delayed_message_is_not_there_yet(sqs: "SQSClient") -> None:
    """The queue delays a message while a lease must still expire."""
    url = sqs.create_queue(QueueName=f"test-{uuid4().hex}")["QueueUrl"]
    assert await WorkQueue("test", url).send({"scanId": "a"}, Deadline.starting(10), delay_seconds=600)
    assert sqs.receive_message(QueueUrl=url).get("Messages", []) == []
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert counts["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


async def test_without_an_address_nothing_is_sent() -> None:
    """The caller gets False, and continues."""
    assert await WorkQueue("test", None).send({"scanId": "a"}, Deadline.starting(10)) is False


async def test_a_missing_queue_is_no_error_of_the_call(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the queue refuses or does not exist, the result is False, and the event contains no account id."""
    assert stack.url
    gone = f"{stack.env['AWS_ENDPOINT_URL_SQS']}/000000000000/no-such-queue"
    assert await WorkQueue("test", gone).send({"scanId": "a"}, Deadline.starting(10)) is False
    assert "000000000000" not in capsys.readouterr().out


async def test_a_queue_that_hangs_takes_no_more_than_the_budget(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reply to the caller comes first."""
    async with wire_before(stack.env["AWS_ENDPOINT_URL_SQS"]) as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", wire.url)
        wire.meet("", hold, hold)
        was_sent = await WorkQueue("test", stack.env["SCAN_QUEUE_URL"]).send(
            {"scanId": "a"}, Deadline.starting(0.5)
        )
    assert was_sent is False
