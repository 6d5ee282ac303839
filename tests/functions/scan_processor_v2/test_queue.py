"""The workers and the schedule as Lambda runs them: messages with partial failures, and lost ones sent again."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.scan_processor_v2.routes import router
from local.servers import queues
from local.stack.stack import Stack
from tests.apps import app_on, client_of, in_process
from tests.books import Books
from tests.calls import orchestrated
from tests.conftest import Database, NewUser
from tests.functions.scan_processor_v2.scan_api import Scan, ScanApi, new_scan, people
from tests.proofs.scan_workers import without_worker

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

Invoke = Callable[[dict[str, Any]], Any]
StartLambda = Callable[[str], AbstractContextManager[Invoke]]
SCHEDULED = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


@dataclass(frozen=True)
class OwnQueues:
    """Queues of the test: the stack's worker, which is suspended, may hold a message of the stack's queues."""

    sqs: "SQSClient"
    env: dict[str, str]

    def messages(self, name: str) -> list[dict[str, str]]:
        """Return all messages in a queue, by the name of its setting."""
        received = self.sqs.receive_message(QueueUrl=self.env[name], MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in received.get("Messages", [])]


@pytest.fixture
def own(stack: Stack) -> OwnQueues:
    """Return empty queues of both kinds."""
    sqs = queues.client(stack.env["AWS_ENDPOINT_URL_SQS"])
    made = {name: sqs.create_queue(QueueName=f"test-{uuid4().hex}")["QueueUrl"] for name in queues.QUEUES}
    return OwnQueues(sqs, made)


@pytest.fixture
def start_lambda(stack: Stack, own: OwnQueues) -> Iterator[StartLambda]:
    """Call a handler in a process that stays, as the platform keeps one; the stack's own worker is suspended."""
    # By this variable the batch utility knows that the process will be frozen and continued.
    env = stack.function_environment() | own.env | {"LAMBDA_TASK_ROOT": "/var/task"}

    @contextmanager
    def start(module: str) -> Iterator[Invoke]:
        command = [sys.executable, "-m", "tests.functions.invocations", module]
        with subprocess.Popen(
            command, cwd=stack.project, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            stdin, stdout = process.stdin, process.stdout

            def call(event: dict[str, Any]) -> Any:  # noqa: ANN401  # whatever the handler gives
                stdin.write(json.dumps(event) + "\n")
                stdin.flush()
                return json.loads(stdout.readline())

            yield call

    with without_worker(stack):
        yield start


@pytest.fixture
def invoke(start_lambda: StartLambda) -> Iterator[Invoke]:
    """Return what invokes the scan's worker."""
    with start_lambda("functions.scan_processor_v2.queue_handler") as call:
        yield call


def messages(*bodies: str) -> dict[str, Any]:
    """Return an event of the queue; each message has its index as id."""
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
    """Return the body of a message."""
    return json.dumps({"scanId": scan_id})


async def queued(stack: Stack, database: Database, new_user: NewUser, **env: str) -> Scan:
    """Return a scan of five blocks that waits for a worker."""
    scan = new_scan(database, new_user("pro", energy=200))
    async with (
        app_on(stack, "scan-processor-v2", router, None, **env) as app,
        client_of(stack, app) as client,
    ):
        reply = await ScanApi(client, stack)(scan.user, scan.id, people(210))
    assert reply.status_code == 202
    return scan


async def test_only_a_message_that_failed_is_received_again(
    invoke: Invoke, stack: Stack, database: Database, new_user: NewUser
) -> None:
    """The scans of the other messages are done; a finished or unknown scan needs no work."""
    first, second = [await queued(stack, database, new_user) for _ in range(2)]
    event = messages(named(first.id), "no JSON", named(str(uuid4())), named(second.id))
    assert invoke(event) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert [scan.job()["state"] for scan in (first, second)] == ["done", "done"]
    assert invoke(messages(named(first.id))) == {"batchItemFailures": []}
    assert [Books(database, scan.user).energy() for scan in (first, second)] == [125, 125]


async def test_fault_21_one_process_takes_events_of_several_kinds_in_turn(
    invoke: Invoke, stack: Stack, database: Database, new_user: NewUser
) -> None:
    """Neither an earlier invocation's connection nor an event of another kind breaks a later invocation (fault 21)."""
    for _ in range(2):
        scan = await queued(stack, database, new_user)
        assert "raised" in invoke(SCHEDULED)
        assert invoke(messages(named(scan.id))) == {"batchItemFailures": []}
        assert scan.job()["state"] == "done"


async def test_the_schedule_sends_the_messages_that_were_lost(
    start_lambda: StartLambda, own: OwnQueues, stack: Stack, database: Database, new_user: NewUser
) -> None:
    """New messages are sent for a scan and a job whose messages were lost, once in the time that a message may take."""
    waiting, job = await queued(stack, database, new_user, SCAN_QUEUE_URL=""), str(uuid4())
    database.execute(
        """insert into public.ai_jobs (id, user_id, function_name, body, body_hash, sent_at)
           values (%s, %s, 'generate-ai-content', '{}', 'h', now() - interval '10 minutes')""",
        [job, waiting.user.id],
    )
    old = "update public.scan_jobs set updated_at = now() - interval '10 minutes' where scan_id = %s"
    database.execute(old, [waiting.id])
    with start_lambda("shared.lambda_.schedule") as sweep:
        first, second = sweep(SCHEDULED), sweep(SCHEDULED)
    assert (first["scans_resent"], first["jobs_resent"]) == (1, 1)
    assert (second["scans_resent"], second["jobs_resent"]) == (0, 0)
    assert own.messages("SCAN_QUEUE_URL") == [{"scanId": waiting.id}]
    assert own.messages("JOB_QUEUE_URL") == [{"jobId": job}]


async def test_a_scan_that_no_worker_takes_is_failed_with_a_message_and_costs_nothing(
    start_lambda: StartLambda, stack: Stack, database: Database, new_user: NewUser
) -> None:
    """After repeated messages without a worker, a poller sees the end."""
    scan = await queued(stack, database, new_user)
    with start_lambda("shared.lambda_.schedule") as sweep:
        database.execute(
            """update public.scan_jobs set sends = 20, updated_at = now() - interval '10 minutes'
               where scan_id = %s""",
            [scan.id],
        )
        assert sweep(SCHEDULED)["scans_abandoned"] == 1
    assert scan.row()["status"] == "failed"
    assert scan.rows("scan_status", "updated_at")[-1]["message"] == (
        "The scan could not be completed. Please try again."
    )
    Books(database, scan.user).assert_nothing_charged(200)


async def test_a_worker_out_of_time_sends_a_message_for_the_next(
    start_lambda: StartLambda, own: OwnQueues, stack: Stack, database: Database, new_user: NewUser
) -> None:
    """Its own message is done; the scan does not wait for the old message's timeout."""
    scan = await queued(stack, database, new_user)
    with start_lambda("functions.scan_processor_v2.queue_handler") as invoke:
        answer = invoke(messages(named(scan.id)) | {"remaining_ms": 5_000})
    assert answer == {"batchItemFailures": []}
    assert scan.job()["state"] == "queued"
    assert own.messages("SCAN_QUEUE_URL") == [{"scanId": scan.id}]


async def test_a_job_is_answered_by_its_worker(
    start_lambda: StartLambda, own: OwnQueues, stack: Stack, database: Database, new_user: NewUser
) -> None:
    """For `Prefer: respond-async` the message names the job, and the reply is stored in its row."""
    user = new_user("pro", 500)
    async with in_process(stack, None, **own.env) as api:
        accepted = await api(user, orchestrated(), headers={"prefer": "respond-async"})
    job = accepted.json()["requestId"]
    assert own.messages("JOB_QUEUE_URL") == [{"jobId": job}]
    with start_lambda("functions.generate_ai_content.queue_handler") as invoke:
        assert invoke(messages(json.dumps({"jobId": job}))) == {"batchItemFailures": []}
    state = database.execute("select state, reply_status from public.ai_jobs where id = %s", [job])
    assert state.fetchone() == ("done", 200)
    assert Books(database, user).energy() == 490
