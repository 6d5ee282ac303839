"""The queues of a stack: SQS as served by ministack, on loopback, empty at each start."""

import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from local.servers.ports import HOST, free_port
from local.servers.processes import Child, Children, Program
from local.servers.readiness import wait_for_port

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "ap-southeast-1",
}
"""Credentials that the platform's client requires; nothing checks them."""

QUEUES = {"SCAN_QUEUE_URL": "nexscout-scans", "JOB_QUEUE_URL": "nexscout-jobs"}
VISIBLE_AGAIN_SECONDS = 960
"""Longer than the work on any message takes, as in the cloud: a message received twice could not be deleted."""

MOST_RECEIVES = 5


class Queues:
    """One queue for each kind of work, each with its dead-letter queue as in the cloud; `env` has their addresses."""

    def __init__(self) -> None:
        self.env: dict[str, str] = {}
        self._port = 0

    def start(self, children: Children, folder: Path, log: Path, env: Mapping[str, str], port: int) -> Child:
        """Start the server without waiting for it."""
        self._port = free_port(port)
        folder.mkdir(exist_ok=True)
        program = Program(
            name="the queue",
            command=[sys.executable, "-m", "ministack"],
            log=log,
            env={**env, **CREDENTIALS, **server_settings(self._port, folder), "SERVICES": "sqs"},
            cwd=folder,
            # With its own stop signal it would wait three seconds for callers that poll a queue, without any need.
            stop_signal=signal.SIGKILL,
        )
        return children.start(program)

    def make(self, server: Child, log: Path) -> None:
        """Create the queues, once the server listens."""
        wait_for_port(server, self._port, log)
        endpoint = f"http://{HOST}:{self._port}"
        sqs = client(endpoint)
        self.env = {name: _made(sqs, queue) for name, queue in QUEUES.items()}
        self.env["AWS_ENDPOINT_URL_SQS"] = endpoint


def server_settings(port: int, folder: Path) -> dict[str, str]:
    """Return settings that limit ministack to one loopback port and one folder; some services listen everywhere."""
    return {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": HOST,
        "STATE_DIR": str(folder),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def client(endpoint: str) -> "SQSClient":
    """Return a client of the local server."""
    import boto3  # noqa: PLC0415  # a third of a second, while the server starts

    session = boto3.session.Session(
        CREDENTIALS["AWS_ACCESS_KEY_ID"],
        CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
    )
    return session.client("sqs", endpoint_url=endpoint)


def _made(sqs: "SQSClient", name: str) -> str:
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    wanted = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    redrive = {
        "deadLetterTargetArn": wanted["Attributes"]["QueueArn"],
        "maxReceiveCount": str(MOST_RECEIVES),
    }
    made = sqs.create_queue(
        QueueName=name,
        Attributes={"VisibilityTimeout": str(VISIBLE_AGAIN_SECONDS), "RedrivePolicy": json.dumps(redrive)},
    )
    return made["QueueUrl"]
