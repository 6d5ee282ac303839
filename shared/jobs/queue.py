"""Messages that start a worker; the work itself is in the database."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.deadline import Deadline
from shared.log import log_event

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

SEND_SECONDS = 3.0
CONNECT_SECONDS = 1.0


class WorkQueue:
    """An SQS queue; without an address nothing is ever sent."""

    def __init__(self, name: str, url: str | None) -> None:
        self._name = name
        self._url = url
        self._client: SQSClient | None = None

    async def send(self, message: Mapping[str, str], deadline: Deadline, delay_seconds: int = 0) -> bool:
        """Send a message that names the work, to arrive after the delay; return whether it was sent.

        A failure is not raised: the sweep sends again for work that waits in the database.
        """
        if self._url is None:
            return False
        sending = asyncio.to_thread(self._send, self._url, json.dumps(message), delay_seconds)
        try:
            await asyncio.wait_for(sending, deadline.remaining())
        except Exception as error:  # noqa: BLE001  # botocore makes its exceptions at run time
            log_event("queue.not_sent", level=logging.ERROR, queue=self._name, error=error)
            return False
        return True

    def _send(self, url: str, body: str, delay_seconds: int) -> None:
        if self._client is None:
            self._client = _client()
        self._client.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay_seconds)


def _client() -> "SQSClient":
    # The platform has it, our package does not; few requests need it, and it takes a third of a second.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    limits = Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=SEND_SECONDS, retries={"total_max_attempts": 2}
    )
    # A new session: two threads must not create the default one at once.
    return boto3.session.Session().client("sqs", config=limits)
