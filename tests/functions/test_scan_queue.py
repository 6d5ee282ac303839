"""The worker as Lambda runs it: messages of a queue with partial failures, schedules, one process for all of them."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from functions.scan_processor_v2.routes import router
from local.stack import Stack
from tests.apps import app_on, client_of
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.functions.scanning import Scan, ScanApi, new_scan, people
from tests.proofs.scan_workers import without_worker

Invoke = Callable[[dict[str, Any]], Any]
SCHEDULED = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


@pytest.fixture
def invoke(stack: Stack) -> Iterator[Invoke]:
    """Call the handler in a process that stays, as the platform keeps one; the stack's own worker stands still."""
    # By this variable the batch utility knows that the process will be thawed again.
    env = stack.function_environment() | {"LAMBDA_TASK_ROOT": "/var/task"}
    command = [
        sys.executable,
        "-m",
        "tests.functions.invocations",
        "functions.scan_processor_v2.queue_handler",
    ]
    with (
        without_worker(stack),
        subprocess.Popen(
            command, cwd=stack.project, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def call(event: dict[str, Any]) -> Any:  # noqa: ANN401  # whatever the handler gives
            stdin.write(json.dumps(event) + "\n")
            stdin.flush()
            return json.loads(stdout.readline())

        yield call


def messages(*bodies: str) -> dict[str, Any]:
    """An event of the queue; each message is named by its place."""
    records = [
        {
            "messageId": str(place),
            "receiptHandle": "r",
            "body": body,
            "eventSource": "aws:sqs",
            "attributes": {},
        }
        for place, body in enumerate(bodies)
    ]
    return {"Records": records}


def named(scan_id: str) -> str:
    """The body of a message."""
    return json.dumps({"scanId": scan_id})


async def queued(stack: Stack, database: Database, new_user: NewUser) -> Scan:
    """A scan of five blocks that waits for a worker."""
    scan = new_scan(database, new_user("pro", energy=200))
    async with app_on(stack, "scan-processor-v2", router) as app, client_of(stack, app) as client:
        reply = await ScanApi(client, stack)(scan.user, scan.id, people(210))
    assert reply.status_code == 202
    return scan


async def test_a_message_that_cannot_be_worked_on_comes_again_alone(
    invoke: Invoke, stack: Stack, database: Database, new_user: NewUser
) -> None:
    """The scans of the other messages are done; one that is done already, or unknown, asks for nothing."""
    first, second = [await queued(stack, database, new_user) for _ in range(2)]
    event = messages(named(first.id), "no JSON", named(str(uuid4())), named(second.id))
    assert invoke(event) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert [scan.job()["state"] for scan in (first, second)] == ["done", "done"]
    assert invoke(messages(named(first.id))) == {"batchItemFailures": []}
    assert [Books(database, scan.user).energy() for scan in (first, second)] == [125, 125]


async def test_fault_21_one_process_takes_messages_and_schedules_in_turn(
    invoke: Invoke, stack: Stack, database: Database, new_user: NewUser
) -> None:
    """No connection of an earlier invocation breaks a later one."""
    for _ in range(2):
        first, second = [await queued(stack, database, new_user) for _ in range(2)]
        assert invoke(messages(named(first.id))) == {"batchItemFailures": []}
        assert invoke(SCHEDULED) == {"batchItemFailures": []}
        assert [scan.job()["state"] for scan in (first, second)] == ["done", "done"]
